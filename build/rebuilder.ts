// Compiles the bundles again that a changed file is part of, with esbuild's incremental builds, and what is generated from it before.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { BuildContext, BuildFailure, Metafile, Plugin } from 'esbuild';
import {
  applicationFile,
  type Bundle,
  deployableOptions,
  derivedFolder,
  fingerprints,
  OWN_APPLICATION,
  outfileOf,
  putResult,
  recordedInputs,
  root,
  stackBundles,
} from './bundles.mjs';
import { optionsTogether, partOf } from './bundles-together.mjs';
import { Generator } from './generator.ts';
import { PackagesApart } from './packages-apart.ts';

/** What came of a change. Either there are errors, and nothing is written, or the bundles are there to be run. */
export interface Rebuilt {
  /** Names of the bundles that now differ. */
  readonly bundles: readonly string[];
  /** One line each, with file and line where it has one. */
  readonly errors: readonly string[];
  /** Consumers have come, gone or changed their settings, which running cells cannot follow. */
  readonly topologyChanged: boolean;
}

/** Errors that are shown of one change: the rest usually follows from the first ones. */
export const SHOWN_ERRORS = 5;

export class Rebuilder {
  readonly #bundles: readonly Bundle[];
  readonly #inputs = new Map<string, Readonly<Record<string, string>>>();
  readonly #links = new Map<string, Link>();
  /** Clouds whose packages cannot be linked apart. The Workers runtime takes one module alone. */
  readonly #whole = new Set<string>(['edge']);
  /** Bundles that are not what the sources say, because of an error: they are tried again with every change. */
  #owed = new Set<string>();
  #warming = false;
  #stopped = false;
  readonly #generator = new Generator();
  #generatorOwed = false;
  /** Source → its fingerprint before the bundles that hold it were made: one that changes meanwhile differs from it. */
  readonly #states = new Map<string, string>();
  /** Records of what has been built, still to be written. */
  #unwritten: (() => Promise<void>)[] = [];
  /** What is under way: contexts of esbuild are not used twice at once. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param clouds whose bundles are kept up to date: `aws`, `azure`, `edge` */
  constructor(clouds: ReadonlySet<string>) {
    this.#bundles = stackBundles.filter(({ platform }) => clouds.has(platform));
  }

  /** Remembers the state that has been built; what changes from now on is a change. */
  async start(): Promise<void> {
    for (const bundle of this.#bundles) {
      const outfile = outfileOf(bundle);
      const text = await readFile(path.join(root, `${outfile}.meta.json`), 'utf8').catch(() => '{"outputs":{}}');
      const inputs = (await recordedInputs(outfile)) ?? {};
      for (const [file, state] of Object.entries(inputs)) this.#states.set(file, state);
      this.#remember(bundle, inputs, JSON.parse(text) as Metafile);
    }
  }

  /** Lets go of esbuild, once what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    // Nothing waits for it; a rebuild that has begun does end.
    if (this.#warming) await this.#cancel();
    await this.#turn;
    // What has no record is made again.
    await this.settle().catch(() => undefined);
    const contexts = await Promise.allSettled([...this.#links.values()].map(({ context }) => context));
    await this.#generator.stop();
    if (contexts.length === 0) return;
    for (const each of contexts) if (each.status === 'fulfilled') await each.value.dispose();
    const { stop } = await import('esbuild');
    await stop();
  }

  /**
   * Has the first change find what the others find: sources parsed, packages linked, the generator ready. It writes no bundle, and what is wrong
   * with a source is for the first change to say.
   */
  warm(): Promise<void> {
    return this.#inTurn(async () => {
      this.#warming = true;
      try {
        const concerned = this.#bundles.filter(
          ({ name, platform }) => !this.#whole.has(platform) && applicationFile in (this.#inputs.get(name) ?? {}),
        );
        for (const cloud of new Set(concerned.map(({ platform }) => platform))) {
          const bundles = concerned.filter(({ platform }) => platform === cloud);
          if (!this.#stopped) await this.#buildOf(cloud, bundles, []);
        }
        if (!this.#stopped) await this.#generator.link();
        if (!this.#stopped) this.#generator.prepare();
      } finally {
        this.#warming = false;
      }
    });
  }

  async #cancel(): Promise<void> {
    for (const { apart, context } of this.#links.values()) {
      await apart?.cancel();
      await (await context).cancel();
    }
  }

  /** Does what nothing waits for, once what has been built runs: records of it are written, and a process for the generator is started. */
  async settle(): Promise<void> {
    for (const write of this.#unwritten.splice(0)) await write();
    if (!this.#stopped) this.#generator.prepare();
  }

  /**
   * Call it again only when it has ended.
   * @param files that have changed: absolute paths
   * @returns undefined if none of them matters
   */
  rebuild(files: ReadonlySet<string>): Promise<Rebuilt | undefined> {
    return this.#inTurn(() => this.#rebuild(files));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    // Its caller gets its failure.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #rebuild(files: ReadonlySet<string>): Promise<Rebuilt | undefined> {
    const changed = [...files].map((file) => path.relative(root, file).replaceAll(path.sep, '/'));
    const stale = await this.#stale(changed);
    const generates = this.#generatorOwed || (stale.length > 0 && (await this.#generator.hasInput(changed)));
    if (stale.length === 0 && !generates) return undefined;
    const topology = await topologyText();
    // First: it takes longest, as it is run too.
    const fault = generates ? await this.#generator.link() : undefined;
    const [built, generated] = await Promise.all([
      this.#build(stale, changed),
      generates && fault === undefined ? this.#generator.run() : { wrote: [], error: fault },
    ]);
    // Whatever of the first round does not hold what has just been generated is built once more.
    const again = generated.wrote.length === 0 ? [] : await this.#stale(generated.wrote);
    const results = new Map([...built, ...(await this.#build(again, generated.wrote))]);
    const errors = errorsOf([...results.values()]);
    // A source that cannot be compiled is the generator's error too, said less well.
    if (errors.length === 0 && generated.error !== undefined) errors.push(generated.error);
    this.#generatorOwed = generated.error !== undefined;
    if (errors.length > 0) {
      this.#owed = new Set(results.keys());
      return { bundles: [], errors, topologyChanged: false };
    }
    this.#owed.clear();
    return {
      bundles: await this.#keep(results),
      errors: [],
      topologyChanged: (await topologyText()) !== topology,
    };
  }

  /**
   * Of the inputs those that the bundle holds something of. The others have been dropped, as packages without side effects are; a change
   * that brings one in is a change of the file that imports it.
   */
  #remember(bundle: Bundle, inputs: Readonly<Record<string, string>>, { outputs }: Pick<Metafile, 'outputs'>): void {
    const held = outputs[outfileOf(bundle)]?.inputs ?? {};
    this.#inputs.set(bundle.name, Object.fromEntries(Object.entries(inputs).filter(([file]) => file in held)));
  }

  /** Bundles with an input among the files that is not as it was built. */
  async #stale(files: readonly string[]): Promise<readonly Bundle[]> {
    const now = await Promise.all(
      files.map(async (file) => {
        // A file that has gone differs as well.
        const states: Readonly<Record<string, string>> = await fingerprints([file]).catch(() => ({}));
        return [file, states[file]] as const;
      }),
    );
    for (const [file, state] of now) {
      if (state === undefined) this.#states.delete(file);
      else this.#states.set(file, state);
    }
    return this.#bundles.filter(({ name }) => {
      const then = this.#inputs.get(name) ?? {};
      return this.#owed.has(name) || now.some(([file, each]) => then[file] !== undefined && then[file] !== each);
    });
  }

  async #build(stale: readonly Bundle[], changed: readonly string[]): Promise<ReadonlyMap<string, Outcome>> {
    const clouds = [...new Set(stale.map(({ platform }) => platform))].map((cloud) =>
      this.#buildOf(
        cloud,
        stale.filter(({ platform }) => platform === cloud),
        changed,
      ),
    );
    return new Map((await Promise.all(clouds)).flat());
  }

  async #buildOf(
    cloud: Bundle['platform'],
    concerned: readonly Bundle[],
    changed: readonly string[],
  ): Promise<readonly (readonly [string, Outcome])[]> {
    const { apart, context } = await this.#linkOf(cloud, concerned);
    apart?.changed(changed);
    const result = await (await context).rebuild().catch((error: BuildFailure) => error);
    const isComplete = apart === undefined || result instanceof Error || (await apart.complete());
    if (this.#warming && this.#stopped) return [];
    if (!isComplete) {
      this.#whole.add(cloud);
      return this.#buildOf(cloud, concerned, changed);
    }
    return concerned.map((bundle) => [
      bundle.name,
      { bundle, apart, result: result instanceof Error ? result : partOf(bundle, result) },
    ]);
  }

  /** A context keeps what esbuild has parsed, so it is made with the first change that needs it; bundles that join it stay in it. */
  async #linkOf(cloud: Bundle['platform'], concerned: readonly Bundle[]): Promise<Link> {
    const link = this.#links.get(cloud);
    const bundles = [...new Set([...(link?.bundles ?? []), ...concerned])] as [Bundle, ...Bundle[]];
    const isWhole = this.#whole.has(cloud);
    if (link !== undefined && bundles.length === link.bundles.length && isWhole === (link.apart === undefined))
      return link;
    const apart = isWhole ? undefined : (link?.apart ?? new PackagesApart(bundles[0]));
    const { plugins = [], ...options } = optionsTogether(bundles);
    const context = import('esbuild').then((esbuild) =>
      esbuild.context({ ...options, plugins: withPackages(apart, plugins), write: false }),
    );
    const next = { bundles, apart, context };
    this.#links.set(cloud, next);
    await (await link?.context)?.dispose();
    return next;
  }

  async #keep(results: ReadonlyMap<string, Outcome>): Promise<readonly string[]> {
    const kept = [...results].map(async ([name, { bundle, apart, result }]) => {
      if (result instanceof Error) return [];
      // Other options: what is deployed, or started the next time, is linked whole.
      const { plugins = [], ...options } = deployableOptions(bundle);
      const all = { ...options, plugins: withPackages(apart, plugins) };
      const { differs, inputs, record } = await putResult(all, result, this.#states);
      this.#unwritten.push(record);
      this.#remember(bundle, inputs, result.metafile);
      return differs ? [name] : [];
    });
    return (await Promise.all(kept)).flat();
  }
}

/** Bundles of a cloud that are made together. */
interface Link {
  readonly bundles: readonly Bundle[];
  /** Absent where packages are linked with what imports them. */
  readonly apart: PackagesApart | undefined;
  readonly context: Promise<BuildContext>;
}

const withPackages = (apart: PackagesApart | undefined, plugins: readonly Plugin[]): Plugin[] =>
  apart === undefined ? [...plugins] : [apart.plugin, ...plugins];

interface Outcome {
  readonly bundle: Bundle;
  readonly apart: PackagesApart | undefined;
  readonly result: ReturnType<typeof partOf> | BuildFailure;
}

/** Each error once, however many bundles have it. */
function errorsOf(outcomes: readonly Outcome[]): string[] {
  const lines = outcomes.flatMap(({ result }) => {
    if (!(result instanceof Error)) return [];
    return (result.errors ?? []).length === 0 ? [result.message] : result.errors.map(lineOf);
  });
  return [...new Set(lines)].slice(0, SHOWN_ERRORS);
}

const lineOf = ({ text, location }: BuildFailure['errors'][number]): string =>
  location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`;

const topologyText = (): Promise<string> =>
  readFile(
    path.join(root, applicationFile === OWN_APPLICATION ? 'infra' : derivedFolder, 'topology.json'),
    'utf8',
  ).catch(() => '');
