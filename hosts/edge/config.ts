// The configuration of the `workerd` process that runs the edge: its Workers, what they may reach, and where they listen.

/** The behaviour of the runtime that the edge is written for; a deployment states the same date. */
export const EDGE_COMPATIBILITY_DATE = '2026-04-01';

/** What a deployment sets beside the date: a request's signal aborts when its client has gone. */
export const EDGE_COMPATIBILITY_FLAGS = ['enable_request_signal'] as const;

/** Ports of the runtime's sockets. */
export interface EdgePorts {
  readonly front: number;
  readonly tls: number;
  readonly platform: number;
}

const FREE: EdgePorts = { front: 0, tls: 0, platform: 0 };

export interface EdgeLayout {
  /** Durable Objects: binding → class that the bundle exports. */
  readonly objects: Readonly<Record<string, string>>;
  /** Binding of the KV namespace. */
  readonly routeCache: string;
  /** Binding of the static assets, and the folder that holds them, at the paths by which they are asked for. */
  readonly assets?: { readonly binding: string; readonly folder: string };
  /** Names of variables; the values come from the process's environment. */
  readonly variables: readonly string[];
  /** Of the sockets, by their names; free ones without it. */
  readonly ports?: EdgePorts;
  /** Folder that keeps what Durable Objects and KV store: the runtime has SQLite for Durable Objects on disks only. */
  readonly storage: string;
  /** The request header in which the TLS front describes the connection. Its name is a secret of the host. */
  readonly vouchHeader: string;
}

/** Variable of the environment with the secret of the platform's own interface. */
export const SECRET_VARIABLE = 'POLYCELL_EDGE_SECRET';

/** Text in Cap'n Proto's notation, which has JSON's escapes except those of control characters. */
function text(value: string): string {
  if ([...value].some((character) => character < ' ' && character !== '\n'))
    throw new TypeError(`${JSON.stringify(value)} cannot be configured.`);
  return JSON.stringify(value);
}

/** The main module of the edge's Worker: the bundle, behind a guard that can break its connections to its Durable Objects. */
export function mainModule(objects: EdgeLayout['objects']): string {
  const classes = [...new Set(Object.values(objects))];
  return [
    "import * as bundle from './bundle.mjs';",
    "import { guard } from './guard.mjs';",
    "export { Switch } from './guard.mjs';",
    `const { handlers, object } = guard(bundle, ${JSON.stringify(Object.keys(objects))});`,
    'export default handlers;',
    ...classes.map((name) => `export const ${name} = object(${JSON.stringify(name)});`),
  ].join('\n');
}

/** The modules beside the configuration: the bundle, and the Workers that simulate the platform. */
export const EDGE_MODULES = ['assets.mjs', 'front.mjs', 'guard.mjs', 'platform.mjs'] as const;
export const BUNDLE_MODULE = 'bundle.mjs';

/** The configuration as text. */
export function edgeConfig(layout: EdgeLayout): string {
  const { objects, routeCache, assets, variables, storage, vouchHeader, ports = FREE } = layout;
  const flags = EDGE_COMPATIBILITY_FLAGS.map(text).join(', ');
  const date = `compatibilityDate = ${text(EDGE_COMPATIBILITY_DATE)}, compatibilityFlags = [${flags}]`;
  const module = (name: string) => `(name = ${text(name)}, esModule = embed ${text(name)})`;
  const classes = [...new Set(Object.values(objects))];
  const namespaces = classes.map((name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`);
  const bindings = [
    ...Object.entries(objects).map(
      ([name, className]) => `(name = ${text(name)}, durableObjectNamespace = (className = ${text(className)}))`,
    ),
    `(name = ${text(routeCache)}, kvNamespace = (name = "platform", entrypoint = "RouteCache"))`,
    ...(assets === undefined ? [] : [`(name = ${text(assets.binding)}, service = "assets")`]),
    ...variables.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  logging = (structuredLogging = true),
  services = [
    (name = "storage", disk = (path = ${text(storage)}, writable = true)),
${
  assets === undefined
    ? ''
    : `    (name = "files", disk = (path = ${text(assets.folder)}, writable = false)),
    (name = "assets", worker = (
      modules = [${module('assets.mjs')}],
      bindings = [(name = "FILES", service = "files")],
      ${date},
    )),
`
}    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "front", worker = (
      modules = [${module('front.mjs')}],
      bindings = [(name = "EDGE", service = "edge")],
      ${date},
    )),
    (name = "edge", worker = (
      modules = [
        (name = "main.mjs", esModule = ${text(mainModule(objects))}),
        ${module('guard.mjs')},
        ${module(BUNDLE_MODULE)},
      ],
      bindings = [${bindings.join(',\n        ')}],
      durableObjectNamespaces = [${namespaces.join(', ')}],
      durableObjectStorage = (localDisk = "storage"),
      globalOutbound = (name = "platform", entrypoint = "Outbound"),
      ${date},
    )),
    (name = "platform", worker = (
      modules = [${module('platform.mjs')}],
      bindings = [
        (name = "STORE", durableObjectNamespace = (className = "Store")),
        (name = "SWITCH", service = (name = "edge", entrypoint = "Switch")),
        (name = "SECRET", fromEnvironment = ${text(SECRET_VARIABLE)}),
      ],
      durableObjectNamespaces = [(className = "Store", uniqueKey = "kv", enableSql = true)],
      durableObjectStorage = (localDisk = "storage"),
      globalOutbound = "internet",
      ${date},
    )),
  ],
  sockets = [
    (name = "front", address = "127.0.0.1:${ports.front}", http = (), service = "front"),
    (name = "tls", address = "127.0.0.1:${ports.tls}", http = (cfBlobHeader = ${text(vouchHeader)}), service = "front"),
    (name = "platform", address = "127.0.0.1:${ports.platform}", http = (), service = "platform"),
  ],
);
`;
}
