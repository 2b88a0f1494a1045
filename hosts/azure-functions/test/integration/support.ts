// Builds small Functions apps the way the real ones are built, and runs them in a host that is stopped after each test.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { PATIENCE_MS } from '../../../processes/test/patience.ts';
import { FunctionsHost, type FunctionsHostOptions, type LogEntry } from '../../index.ts';

const root = path.resolve(__dirname, '../../../..');

/** What an app is made of. */
export interface AppSource {
  /** The TypeScript of its entry file. */
  readonly source: string;
  readonly format?: 'cjs' | 'esm';
  readonly hostJson?: object;
}

/** Compiles an app to a new folder. */
export async function buildApp({ source, format = 'cjs', hostJson = {} }: AppSource): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'functions-app-'));
  const outfile = format === 'cjs' ? 'index.cjs' : 'index.mjs';
  await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts', sourcefile: 'app.ts' },
    outfile: path.join(folder, outfile),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format,
    external: ['@azure/functions-core'],
    logLevel: 'silent',
    ...(format === 'esm'
      ? {
          banner: {
            js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
          },
        }
      : {}),
  });
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ main: outfile }));
  await writeFile(path.join(folder, 'host.json'), JSON.stringify({ version: '2.0', ...hostJson }));
  return folder;
}

/** Everything a test started, for `cleanUp`. */
const started: { stop(): Promise<void> }[] = [];
const folders: string[] = [];

/** A host with its log. */
export interface TestHost {
  readonly host: FunctionsHost;
  readonly url: string;
  readonly log: LogEntry[];
  /** Log lines of the app itself, parsed where they are JSON. */
  said(): unknown[];
}

/** Builds and starts an app. */
export async function startApp(app: AppSource, options: Partial<FunctionsHostOptions> = {}): Promise<TestHost> {
  const appFolder = options.appFolder ?? (await buildApp(app));
  folders.push(appFolder);
  const log: LogEntry[] = [];
  const host = new FunctionsHost({
    environment: {},
    stopGraceMs: 200,
    log: (entry) => log.push(entry),
    ...options,
    appFolder,
  });
  started.push(host);
  const { url } = await host.start();
  return {
    host,
    url,
    log,
    said: () => log.filter(({ category }) => category === 'user').map(({ message }) => parsed(message)),
  };
}

/** Has `cleanUp` stop something. */
export function track<T extends { stop(): Promise<void> }>(thing: T): T {
  started.push(thing);
  return thing;
}

/** Stops what a test started; call it in afterEach. */
export async function cleanUp(): Promise<void> {
  for (const one of started.splice(0).reverse()) await one.stop();
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Waits until `condition` returns something, or fails with what it was waiting for. */
export async function eventually<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`Still waiting after ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A port that nothing listens on at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
