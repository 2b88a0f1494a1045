// The contract suites against servers that are not ours: Jest runs them as for our own emulators, and each clause becomes a finding.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../build/bundles.mjs';
import type { Endpoints } from '../../local/endpoints.ts';
import { type ContractServers, SERVERS_VARIABLE } from '../support/contract-servers.ts';
import type { Finding } from './findings.ts';

/** Servers that may be named: those of the local stack, and what only exports need. */
export interface Servers extends Endpoints {
  /** Blob Storage, with the account that emulators have in its address. */
  readonly blob?: string;
  /** Connection string for topics and subscriptions, where it is not that for messages. */
  readonly administration?: string;
}

/** The suites of a service. */
interface Service {
  readonly title: string;
  readonly files: readonly string[];
  /** What is run against, for the report and for the suites; `undefined` if it is not named. */
  of(endpoints: Servers): { readonly address: string; readonly servers: ContractServers } | undefined;
}

const SERVICES: readonly Service[] = [
  {
    title: 'DynamoDB',
    files: ['dynamodb-store', 'dynamodb-change-stream'],
    of: ({ dynamodb }) => (dynamodb === undefined ? undefined : { address: dynamodb, servers: { dynamodb } }),
  },
  {
    title: 'SNS and SQS',
    files: ['sns-sqs-bus'],
    of: ({ sqs }) => (sqs === undefined ? undefined : { address: sqs, servers: { snsSqs: sqs } }),
  },
  {
    title: 'Cosmos DB',
    files: ['cosmos-store'],
    of: ({ cosmos }) => {
      const [, endpoint = '', key = ''] = /AccountEndpoint=(.+?);AccountKey=(.+);$/.exec(cosmos ?? '') ?? [];
      return cosmos === undefined ? undefined : { address: endpoint, servers: { cosmos: { endpoint, key } } };
    },
  },
  {
    title: 'Service Bus',
    files: ['service-bus'],
    of: ({ serviceBus, administration = serviceBus }) =>
      serviceBus === undefined || administration === undefined
        ? undefined
        : {
            address: /sb:\/\/([^;/]+)/.exec(serviceBus)?.[1] ?? serviceBus,
            servers: { serviceBus: { connection: serviceBus, administration } },
          },
  },
  {
    title: 'Blob Storage',
    files: ['blob-objects'],
    of: ({ blob }) => (blob === undefined ? undefined : { address: blob, servers: { blob } }),
  },
];

/** Says why these servers cannot be tried; `undefined` if they can. */
export function serversFault({ dynamodb, sns, sqs, cosmos, serviceBus, blob }: Servers): string | undefined {
  if (sns !== sqs)
    return 'SNS_ENDPOINT and SQS_ENDPOINT must be the same server: the suite makes topics and queues at one.';
  const secure = [dynamodb, sqs, /AccountEndpoint=(.+?);/.exec(cosmos ?? '')?.[1]].find((url) =>
    url?.startsWith('https:'),
  );
  // The clauses about faults put a proxy in between, which speaks plain HTTP.
  if (secure !== undefined) return `${secure} is HTTPS; the suites reach servers over HTTP, as emulators offer it.`;
  if (blob !== undefined && !/^http:\/\/[^/]+\/devstoreaccount1$/.test(blob))
    return `BLOB_ENDPOINT must be an address such as http://127.0.0.1:10000/devstoreaccount1, not ${JSON.stringify(blob)}.`;
  if (serviceBus !== undefined && !/Endpoint=sb:\/\/(127\.0\.0\.1|localhost)\b/.test(serviceBus))
    return 'SERVICE_BUS_CONNECTION must name an emulator on this machine, Endpoint=sb://127.0.0.1: the suite puts a proxy in front of it.';
  return undefined;
}

/** Runs the suites of every service that is named. `progress` is called as each begins. */
export async function conformServices(
  endpoints: Servers,
  progress: (text: string) => void,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { title, files, of } of SERVICES) {
    const named = of(endpoints);
    if (named === undefined) continue;
    const where = `${title} at ${named.address}`;
    progress(where);
    findings.push(...(await runSuites(where, files, named.servers)));
  }
  return findings;
}

/** What Jest writes with `--json`, as far as it is read. */
export interface JestResult {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

async function runSuites(
  where: string,
  files: readonly string[],
  servers: ContractServers,
): Promise<readonly Finding[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'polycell-conformance-'));
  const output = path.join(folder, 'result.json');
  try {
    const paths = files.map((file) => path.join(root, `test/contract/${file}.int.test.ts`));
    const jest = [
      path.join(root, 'node_modules/jest/bin/jest.js'),
      ...['--selectProjects', 'integration', '--maxWorkers=1', '--json', `--outputFile=${output}`],
      ...['--runTestsByPath', ...paths],
    ];
    const said = await ended(jest, { ...process.env, [SERVERS_VARIABLE]: JSON.stringify(servers) });
    const text = await readFile(output, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      throw new Error(`The suites did not run: ${said.trim().split('\n').at(-1) ?? 'they said nothing'}`);
    });
    return findingsOf(where, JSON.parse(text) as JestResult);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each clause as a finding. A suite that could not even be set up has no results, and a message. */
export const findingsOf = (where: string, { testResults }: JestResult): Finding[] =>
  testResults.flatMap(({ message, assertionResults }) =>
    assertionResults.length === 0
      ? [{ promise: 'the suite can be set up', where, outcome: 'broken' as const, detail: plain(message) }]
      : assertionResults.map((each) => toFinding(where, each)),
  );

/** Runs a program of Node.js; resolves with what it said on standard error. */
function ended(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
    });
    child.on('error', reject);
    child.on('close', () => resolve(said));
  });
}

/** Characters of a suite's output that are kept to explain its end. */
const KEPT_OUTPUT = 4000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: -- Jest colours its messages
const plain = (text: string): string => text.replace(/\u001b\[[\d;]*m/g, '').trim();

function toFinding(where: string, result: JestResult['testResults'][number]['assertionResults'][number]): Finding {
  const { ancestorTitles, title, status, failureMessages } = result;
  // `exempt: clause (reason)` is the title that `runContract` gives.
  const [, clause, reason = ''] = /^exempt: (.+) \((.+)\)$/.exec(title) ?? [];
  const suite = ancestorTitles.map((each) => each.replace(/ \(properties from seed \d+\)$/, '')).join(': ');
  const promise = [...(suite === '' ? [] : [suite]), clause ?? title].join(': ');
  if (status === 'failed') return { promise, where, outcome: 'broken', detail: plain(failureMessages.join('\n')) };
  if (status === 'pending')
    return { promise, where, outcome: 'not run', detail: 'this server cannot be made to fail so' };
  if (status !== 'passed') return { promise, where, outcome: 'not run', detail: status };
  return { promise, where, outcome: clause === undefined ? 'held' : 'exempt', detail: reason };
}
