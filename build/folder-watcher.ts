// Watches folders of source files and hands on what has changed, in batches that never overlap.
import { type FSWatcher, statSync, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** Changes that come this close to each other are one batch, in milliseconds: an editor's save is several of them. */
export const QUIET_MS = 20;

/** As long as that while one of the files is empty: most programs empty a file before they write it, and an empty one would be an error. */
export const EMPTY_MS = 200;

/** Folders that are watched at most: systems limit them for each user, and a tree beyond this is no tree of sources. */
export const FOLDER_LIMIT = 2000;

/** Never watched: other people's code, and what is made. */
const LEFT_OUT = new Set(['node_modules', 'dist']);

export interface FolderWatcherOptions {
  /** The folders, with everything below them; those that do not exist are left out. */
  readonly folders: readonly string[];
  /** Called with absolute paths; the next call waits for its end. It must not reject. */
  readonly changed: (files: ReadonlySet<string>) => Promise<void>;
  /** Folders at most; `FOLDER_LIMIT` unless given. */
  readonly limit?: number;
  /** Called when folders can no longer be watched. */
  readonly failed: (reason: string) => void;
}

/**
 * One watcher for each folder rather than `recursive`, which Node.js 20 has on Linux for the files that were there first: it loses a file
 * that an editor replaces by renaming another one.
 */
export class FolderWatcher {
  readonly #options: FolderWatcherOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #closed = false;
  #full = false;

  constructor(options: FolderWatcherOptions) {
    this.#options = options;
  }

  /** Resolves when every folder is watched. */
  async start(): Promise<void> {
    for (const folder of this.#options.folders) await this.#add(path.resolve(folder));
  }

  /** Resolves when the batch that is being handled has been; nothing is handed on from then on. */
  async stop(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#work;
  }

  /** Watches a folder and those below it; returns the files in them. */
  async #add(folder: string): Promise<readonly string[]> {
    if (this.#closed || this.#watchers.has(folder)) return [];
    const { limit = FOLDER_LIMIT } = this.#options;
    if (this.#watchers.size >= limit) {
      if (!this.#full) this.#options.failed(`there are more than ${limit} folders`);
      this.#full = true;
      return [];
    }
    try {
      const watcher = watch(folder, (_kind, name) => {
        if (name !== null) this.#heard(path.join(folder, name));
      });
      this.#watchers.set(folder, watcher);
      watcher.on('error', () => this.#drop(folder));
      const entries = await readdir(folder, { withFileTypes: true });
      const below = entries.filter((entry) => entry.isDirectory() && !ignored(entry.name));
      const nested = await Promise.all(below.map(({ name }) => this.#add(path.join(folder, name))));
      return [
        ...entries.filter((entry) => entry.isFile()).map(({ name }) => path.join(folder, name)),
        ...nested.flat(),
      ];
    } catch (error) {
      this.#drop(folder);
      const { code = '', message } = error as NodeJS.ErrnoException;
      // It was a file, or has gone again.
      if (!['ENOENT', 'ENOTDIR'].includes(code)) this.#options.failed(message);
      return [];
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #heard(file: string): void {
    const name = path.basename(file);
    if (this.#closed || ignored(name)) return;
    if (/\.(?:ts|mjs|json)$/.test(name)) {
      this.#changed.add(file);
      this.#arm();
      return;
    }
    // Without an extension it may be a new folder, with files in it already.
    if (path.extname(name) !== '' || this.#watchers.has(file)) return;
    void this.#add(file).then((files) => {
      for (const each of files) this.#heard(each);
    });
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if ([...this.#changed].some(isEmpty)) this.#timer = setTimeout(() => this.#flush(), EMPTY_MS - QUIET_MS);
      else this.#flush();
    }, QUIET_MS);
  }

  #flush(): void {
    // What changes meanwhile is the next batch.
    if (this.#work !== undefined || this.#changed.size === 0 || this.#closed) return;
    const files = this.#changed;
    this.#changed = new Set();
    this.#work = this.#options.changed(files).finally(() => {
      this.#work = undefined;
      if (this.#changed.size > 0) this.#arm();
    });
  }
}

const isEmpty = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.size === 0;

/** Hidden files and editors' drafts, and folders that hold no sources. */
const ignored = (name: string): boolean => name.startsWith('.') || name.endsWith('~') || LEFT_OUT.has(name);
