// Exports a tenant's log: writes it file by file, compares each with the log afterwards, and says at the end what there is.
import type { Objects } from '../../core/ports/objects.ts';
import { addDigests, type Digest, NO_EVENTS } from '../../core/replication/digests.ts';
import { RefusedError, UserError } from '../command.ts';
import { type EventFile, eventFiles, FILE_LIMITS } from './event-files.ts';
import type { FileFormat } from './file-formats.ts';
import type { LogSource } from './log-source.ts';
import { mergeScripts } from './merge-scripts.ts';

export const EXPORT_LIMITS = {
  /** Files; their list is written anew with each. */
  files: 10_000,
  /** How often in a row a file is read anew because the log has changed meanwhile. */
  looks: 10,
} as const;

/** What an export is of. */
export interface ExportScope {
  readonly tenant: string;
  /** Times of events: from the first on, before the second. */
  readonly from: string | null;
  readonly to: string;
  /** Where the copy lies. */
  readonly jurisdiction: string | null;
  readonly fileFormat: FileFormat;
}

/** How far an export has come. */
interface Progress extends ExportScope {
  readonly format: typeof PROGRESS_FORMAT;
  readonly startedAt: string;
  readonly files: EventFile[];
  /** Files that may be there and are not, or no longer, part of the export. */
  doomed: string[];
}

/** What an export has, written last: it is whole if this is there. */
export interface Manifest extends ExportScope {
  readonly format: typeof MANIFEST_FORMAT;
  readonly startedAt: string;
  readonly completedAt: string;
  /** The cells that it was compared with. */
  readonly cells: readonly string[];
  /** If a standby was among them: how far it may have been behind, in milliseconds, or `unknown`. */
  readonly behind?: string;
  readonly events: number;
  readonly bytes: number;
  readonly digest: Digest;
  readonly files: readonly EventFile[];
}

export const MANIFEST = 'manifest.json';
export const PROGRESS = 'progress.json';
const MANIFEST_FORMAT = 'polycell-export-1';
const PROGRESS_FORMAT = 'polycell-export-progress-1';

/** What an export says of how far it has come. */
export interface ExportReport {
  readonly step: 'written' | 'equal' | 'again';
  /** The file at hand, and what there is in all. */
  readonly file: string;
  readonly files: number;
  readonly events: number;
  readonly bytes: number;
}

export interface ExportDeps {
  readonly source: LogSource;
  readonly objects: Objects;
  /** The place, for the scripts and for messages. */
  readonly where: string;
  /** The time now, as RFC 3339 has it. */
  readonly now: () => string;
  readonly report: (report: ExportReport) => void;
}

/** What is at the place where an export is to go. */
export interface Found {
  readonly manifest?: Manifest;
  readonly progress?: Progress;
}

const isSame = (one: ExportScope, other: ExportScope): boolean =>
  one.tenant === other.tenant &&
  one.from === other.from &&
  one.to === other.to &&
  one.jurisdiction === other.jurisdiction &&
  one.fileFormat === other.fileFormat;

/** Reads what is there. Rejects with a `PortError`, and with a `UserError` for what no export has written. */
export async function found(objects: Objects): Promise<Found> {
  const read = async <T extends { readonly format: string }>(
    name: string,
    format: T['format'],
  ): Promise<T | undefined> => {
    const bytes = await objects.get(name);
    if (bytes === undefined) return undefined;
    try {
      const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as T | null;
      // Files of earlier releases were lines alone, and none said so.
      if (value?.format === format) return { fileFormat: 'ndjson', ...value };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw new RefusedError(`${name} there was written by something else; choose another place.`, 'not_an_export');
  };
  const manifest = await read<Manifest>(MANIFEST, MANIFEST_FORMAT);
  const progress = await read<Progress>(PROGRESS, PROGRESS_FORMAT);
  return { ...(manifest && { manifest }), ...(progress && { progress }) };
}

/** What an export would do there. @throws RefusedError if another export is there */
export function stateOf({ manifest, progress }: Found, scope: ExportScope, where: string): 'begin' | 'go on' | 'done' {
  const known = manifest ?? progress;
  if (known === undefined) return 'begin';
  if (!isSame(known, scope)) throw otherExport(where, known);
  return manifest === undefined ? 'go on' : 'done';
}

/**
 * Exports, or goes on with an export that was interrupted: at most one file is written once more. Every event that was accepted before the
 * last file was written is in it. Rejects with a `UserError`, or the place's `PortError`; the same call goes on then.
 */
export async function exportLog(deps: ExportDeps, scope: ExportScope): Promise<Manifest> {
  const { source, objects, report } = deps;
  const there = await found(objects);
  stateOf(there, scope, deps.where);
  if (there.manifest !== undefined) {
    await objects.remove(PROGRESS);
    return there.manifest;
  }
  const progress: Progress = there.progress ?? {
    format: PROGRESS_FORMAT,
    ...scope,
    startedAt: deps.now(),
    files: [],
    doomed: [],
  };
  const { files } = progress;

  const save = () => objects.put(PROGRESS, json(progress));

  const clear = async (): Promise<void> => {
    for (const name of progress.doomed) if (!files.some((file) => file.name === name)) await objects.remove(name);
    progress.doomed = [];
  };

  const say = (step: ExportReport['step'], file: EventFile) => {
    const sum = (of: (each: EventFile) => number) => files.reduce((total, each) => total + of(each), 0);
    report({
      step,
      file: file.name,
      files: files.length,
      events: sum((each) => each.events),
      bytes: sum((each) => each.bytes),
    });
  };

  /** Writes a file, which is noted before: if the process ends, it is removed the next time. */
  const put = async (file: EventFile, content: Uint8Array): Promise<void> => {
    if (files.length >= EXPORT_LIMITS.files)
      throw new UserError(
        `An export has ${EXPORT_LIMITS.files} files at most; export a shorter time with --from and --until.`,
      );
    progress.doomed.push(file.name);
    await save();
    await objects.put(file.name, content);
  };

  const write = async (): Promise<void> => {
    const last = files.at(-1);
    if (last !== undefined && last.through === null) return;
    for await (const { file, content } of eventFiles(source, scope, {
      after: last?.through ?? null,
      through: null,
    })) {
      await put(file, content);
      files.push(file);
      progress.doomed = [];
      say('written', file);
    }
    await save();
  };

  /** Reads the part of a file anew, into several: so the next look is at less, in which less changes meanwhile. */
  const rewrite = async (index: number, old: EventFile): Promise<void> => {
    const anew: EventFile[] = [];
    const most = Math.ceil(old.events / FILE_LIMITS.divided);
    for await (const { file, content } of eventFiles(source, scope, old, most)) {
      await put(file, content);
      anew.push(file);
    }
    files.splice(index, 1, ...anew);
    progress.doomed = [old.name];
    await save();
    await clear();
    say('again', anew[0] ?? old);
  };

  /** Equal under load: what came to a part of the log meanwhile is read, and only that part is compared again. */
  const compare = async (): Promise<void> => {
    let looks = 0;
    for (let index = 0; index < files.length; ) {
      const file = files[index];
      if (file === undefined) return;
      const { count, sum } = await source.digest(file);
      if (count === file.events && sum === file.sum) {
        say('equal', file);
        index += 1;
        looks = 0;
        continue;
      }
      looks += 1;
      if (looks > EXPORT_LIMITS.looks)
        throw new UserError(
          `The log changes faster than it is read: a part has differed ${looks} times. Repeat the command to go on, or give an earlier --until.`,
        );
      await rewrite(index, file);
    }
  };

  await clear();
  await write();
  // It is as whole as the log that it is compared with, wherever it was read.
  source.forget();
  await compare();
  const { cells, behind } = source.answered;
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    ...scope,
    startedAt: progress.startedAt,
    completedAt: deps.now(),
    cells: [...cells].sort(),
    ...(behind !== undefined && { behind }),
    events: files.reduce((total, { events }) => total + events, 0),
    bytes: files.reduce((total, { bytes }) => total + bytes, 0),
    digest: files.reduce((total, { events: count, sum }) => addDigests(total, { count, sum }), NO_EVENTS),
    files,
  };
  for (const [name, text] of Object.entries(mergeScripts(deps.where, scope.fileFormat)))
    await objects.put(name, Buffer.from(text));
  await objects.put(MANIFEST, json(manifest));
  await objects.remove(PROGRESS);
  return manifest;
}

const json = (value: object): Buffer => Buffer.from(`${JSON.stringify(value, null, 1)}\n`);

function otherExport(where: string, { tenant, from, to, jurisdiction, fileFormat }: ExportScope): RefusedError {
  const bounds = `${from === null ? '' : ` from ${from}`} to ${to}${jurisdiction === null ? '' : ` in ${jurisdiction}`}`;
  return new RefusedError(
    `${where} has an export of ${tenant}${bounds} as ${fileFormat}; choose another place, or give the same options.`,
    'other_export',
  );
}
