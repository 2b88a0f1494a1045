// The edge's contenders, each a workerd of its own: our router, a bare pass-through, and the textbook's router.
import { readFile } from 'node:fs/promises';
import { buildBundles, bundles, outfileOf } from '../../build/bundles.mjs';
import { sourceFile } from '../../local/source-file.ts';
import { newKey } from './tenants.ts';
import { startWorkerd, type WorkerdProcess } from './workerd.ts';

export const CONTENDERS = ['pass-through', 'textbook', 'ours'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export interface Surroundings {
  /** Address of the origin. */
  readonly origin: string;
  /** Cells that the tenants are spread over. */
  readonly cells: number;
  readonly issuer: string;
  readonly jwksUrl: string;
}

/** The same for all of them. */
const COMPATIBILITY = 'compatibilityDate = "2026-04-01", compatibilityFlags = ["enable_request_signal"]';

const INTERNET = '(name = "internet", network = (allow = ["public", "private"]))';
const DISK = '(name = "storage", disk = (path = "storage", writable = true))';

/** No request is refused for its tenant having sent too many. */
const NO_QUOTA = { perSecond: 1_000_000_000, burst: 1_000_000_000 };

const worker = (name: string, modules: string, more: string) =>
  `const ${name} :Workerd.Worker = (modules = [${modules}], ${COMPATIBILITY}, ${more});`;
const module = (file: string) => `(name = "${file}", esModule = embed "${file}")`;
const variable = (name: string, value: string) => `(name = "${name}", text = ${JSON.stringify(value)})`;

/** Starts a contender. */
export async function startContender(name: ContenderName, around: Surroundings): Promise<WorkerdProcess> {
  const { origin, cells, issuer, jwksUrl } = around;
  const file = (from: string) => readFile(sourceFile(from), 'utf8');
  const kv = worker(
    'kv',
    module('kv.mjs'),
    `bindings = [${variable('ORIGIN', origin)}, ${variable('CELLS', String(cells))}]`,
  );
  const KV = '(name = "kv", worker = .kv)';
  const ROUTES = '(name = "ROUTES", kvNamespace = "kv")';
  if (name === 'pass-through')
    return startWorkerd({
      services: `${INTERNET}, (name = "main", worker = .router)`,
      declarations: worker('router', module('router.mjs'), `bindings = [${variable('ORIGIN', origin)}]`),
      files: { 'router.mjs': await file('bench/edge/pass-through.mjs') },
    });
  if (name === 'textbook')
    return startWorkerd({
      services: `${INTERNET}, ${KV}, (name = "main", worker = .router)`,
      declarations: `${worker('router', module('router.mjs'), `bindings = [${variable('ORIGIN', origin)}, ${ROUTES}]`)}\n${kv}`,
      files: { 'router.mjs': await file('bench/edge/textbook.mjs'), 'kv.mjs': await file('bench/edge/kv.mjs') },
    });
  const bundle = bundles.find((each) => each.platform === 'edge');
  if (bundle === undefined) throw new TypeError('There is no bundle of the edge.');
  await buildBundles({ only: [bundle.name] });
  const variables = {
    APP_VERSION: 'bench',
    APP_ROUTE_KEY: JSON.stringify(newKey('edge')),
    APP_ISSUER: issuer,
    APP_JWKS_URL: jwksUrl,
    APP_OPERATORS: '{}',
    APP_DEVICE_CA: 'none',
    APP_QUOTAS: JSON.stringify({ standard: NO_QUOTA, premium: NO_QUOTA }),
    APP_CONSOLE: '{}',
    APP_CROSS_ORIGIN: '{}',
    APP_FORWARD_TIMEOUT_MS: '10000',
    // It measures cells that have no health to tell, and nothing of the router.
    APP_MONITOR: '{"intervalMs":60000}',
    APP_TRUST: '{"proofs":"optional"}',
  };
  const objects = { DIRECTORY: 'DirectoryObject', MONITOR: 'MonitorObject' };
  const namespaces = Object.values(objects).map(
    (className) => `(className = "${className}", uniqueKey = "${className}", enableSql = true)`,
  );
  const bindings = [
    ...Object.entries(variables).map(([key, value]) => variable(key, value)),
    ...Object.entries(objects).map(
      ([key, className]) => `(name = "${key}", durableObjectNamespace = (className = "${className}"))`,
    ),
    ROUTES,
  ];
  return startWorkerd({
    services: `${INTERNET}, ${DISK}, ${KV}, (name = "main", worker = .router)`,
    declarations: `${worker(
      'router',
      module('router.mjs'),
      `bindings = [${bindings.join(', ')}], durableObjectNamespaces = [${namespaces.join(', ')}], durableObjectStorage = (localDisk = "storage")`,
    )}\n${kv}`,
    files: { 'router.mjs': await file(outfileOf(bundle)), 'kv.mjs': await file('bench/edge/kv.mjs') },
  });
}
