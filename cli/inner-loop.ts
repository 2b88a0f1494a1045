// While `npm start` runs: a saved source file is compiled, and the functions concerned are restarted with their state kept.
import path from 'node:path';
import { applicationFile, root } from '../build/bundles.mjs';
import { FolderWatcher } from '../build/folder-watcher.ts';
import { Rebuilder } from '../build/rebuilder.ts';
import type { Stack } from '../local/stack.ts';

/** What bundles are made of, from the project's root; an application that lies elsewhere is watched too. */
const FOLDERS = ['core', 'examples', 'adapters', 'functions-aws', 'functions-azure', 'functions-edge'];

/** Maximum number of changed files named in a line. */
const NAMED = 3;

export class InnerLoop {
  readonly #stack: Pick<Stack, 'replaceBundles' | 'keepSpares'>;
  readonly #say: (line: string) => void;
  readonly #rebuilder: Rebuilder;
  readonly #watcher: FolderWatcher;
  #stopping = false;

  /** @param clouds whose bundles the stack runs: `aws`, `azure`, `edge` */
  constructor(
    stack: Pick<Stack, 'replaceBundles' | 'keepSpares'>,
    clouds: ReadonlySet<string>,
    say: (line: string) => void,
  ) {
    this.#stack = stack;
    this.#say = (line) => say(`${new Date().toISOString().slice(11, 19)} ${line}`);
    this.#rebuilder = new Rebuilder(clouds);
    this.#watcher = new FolderWatcher({
      folders: [...new Set([...FOLDERS, path.dirname(applicationFile)])].map((folder) => path.join(root, folder)),
      changed: (files) => this.#changed(files),
      failed: (reason) => this.#say(`WARN watching: ${reason}; restart to see changes`),
    });
  }

  /** Resolves once every further change is noticed. */
  async start(): Promise<void> {
    await this.#rebuilder.start();
    await this.#watcher.start();
    void this.#warm();
  }

  /** Makes the first change as quick as the others; what fails here fails there, with the reason. */
  async #warm(): Promise<void> {
    await this.#rebuilder.warm().catch(() => undefined);
    if (!this.#stopping) await this.#stack.keepSpares();
  }

  /** Resolves when the rebuild in progress has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#watcher.stop();
    await this.#rebuilder.stop();
  }

  async #changed(files: ReadonlySet<string>): Promise<void> {
    try {
      await this.#rebuild(files);
    } catch (error) {
      // A failure with one change does not keep the next one from being noticed.
      this.#say(`ERROR rebuild: ${error instanceof Error ? error.message : String(error)}`);
    }
    await this.#rebuilder
      .settle()
      .catch((error: Error) => this.#say(`WARN rebuild: ${error.message}; the next start compiles it again`));
  }

  async #rebuild(files: ReadonlySet<string>): Promise<void> {
    const began = performance.now();
    const rebuilt = await this.#rebuilder.rebuild(files);
    if (rebuilt === undefined) return;
    const { bundles, errors, topologyChanged } = rebuilt;
    for (const error of errors) this.#say(`ERROR ${error}`);
    if (errors.length > 0) return this.#say('rebuild failed; the running version stays');
    const what = namesOf(files);
    if (topologyChanged)
      return this.#say(`${what}: the consumers and their settings have changed; restart to apply that`);
    if (bundles.length === 0) return this.#say(`${what}: no bundle differs`);
    const { restarted, failures } = await this.#stack.replaceBundles(bundles);
    for (const failure of failures) this.#say(`ERROR ${failure} The running version stays.`);
    const took = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    const now = restarted.length === 0 ? 'runs with the next event' : `restarted ${restarted.join(', ')}`;
    if (failures.length === 0) this.#say(`${what}: rebuilt ${bundles.join(', ')}; ${now} (${took})`);
    // Only now, when nothing of this change is waited for any more.
    await this.#stack.keepSpares();
  }
}

function namesOf(files: ReadonlySet<string>): string {
  const names = [...files].map((file) => path.relative(root, file).replaceAll(path.sep, '/'));
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}
