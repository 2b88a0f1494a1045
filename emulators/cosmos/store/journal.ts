// Persistence: one append-only file of JSON lines, rewritten as a snapshot when it has grown.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { lockDirectory } from '../../directory-lock.ts';
import type { KeyComponent } from '../hash/epk.ts';
import type { Json, JsonObject } from '../json.ts';
import { COMPACT_LOG_BYTES } from '../limits.ts';
import { Account } from './account.ts';
import type { Clock } from './clock.ts';
import type { AccountEvent, AccountLog, Commit } from './journal-types.ts';
import { replaySnapshotLine, type SnapshotLine, snapshotLines } from './snapshot.ts';

/** A commit as a line; documents are embedded as they are. */
interface CommitLine {
  readonly t: 'w';
  readonly c: string;
  readonly q: number;
  readonly ts: number;
  readonly n: number;
  readonly l: readonly (readonly [string, number])[];
  readonly ops: readonly (
    | { readonly k: Json[]; readonly s: number; readonly d: JsonObject }
    | { readonly k: Json[]; readonly i: string; readonly x: boolean }
  )[];
}

const FILE = 'cosmos.log';
const LOCK = 'cosmos.lock';

/**
 * Every change is written to the file before it is acknowledged, so it survives the death of the process, `kill -9`
 * included. It is flushed to the disk itself (fsync) when a snapshot is made and on close, so a power failure may cost
 * the writes since then; the file is still readable, because a torn last line is cut off.
 */
export class Journal implements AccountLog {
  readonly active = true;
  readonly #directory: string;
  readonly #path: string;
  #file = -1;
  #bytes = 0;
  #snapshotBytes = 0;
  #account: Account | undefined;
  #unlock: (() => void) | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, FILE);
  }

  /** Reads the file back into an account and opens it for appending. */
  open(clock: Clock, partitionRanges: number): Account {
    this.#unlock = lockDirectory(this.#directory, LOCK);
    const account = new Account(clock, SILENT, partitionRanges);
    if (existsSync(this.#path)) this.#replay(account);
    const live = new Account(clock, this, partitionRanges);
    transfer(account, live);
    this.#account = live;
    this.#file = openSync(this.#path, 'a');
    return live;
  }

  event(event: AccountEvent): void {
    this.#write(`${JSON.stringify(event)}\n`);
  }

  committed({ container, sequence, ts, lsns, changes }: Commit): void {
    const ops = changes.map((change) => {
      const key = JSON.stringify(writeKey(change.key));
      return change.kind === 'put'
        ? `{"k":${key},"s":${change.sequence},"d":${change.text}}`
        : `{"k":${key},"i":${JSON.stringify(change.id)},"x":${change.expired}}`;
    });
    const serial = this.#account?.etagSerial ?? 0;
    this.#write(
      `{"t":"w","c":${JSON.stringify(container)},"q":${sequence},"ts":${ts},"n":${serial},"l":${JSON.stringify(lsns)},"ops":[${ops.join(',')}]}\n`,
    );
  }

  /** Flushes and closes the file. */
  close(): void {
    if (this.#file >= 0) {
      fsyncSync(this.#file);
      closeSync(this.#file);
      this.#file = -1;
    }
    this.#unlock?.();
    this.#unlock = undefined;
  }

  #write(line: string): void {
    this.#bytes += writeFully(this.#file, line);
    if (this.#bytes > COMPACT_LOG_BYTES && this.#bytes > this.#snapshotBytes * 2) this.#compact();
  }

  /** Writes everything to a new file and puts it in place of the old one in one step. */
  #compact(): void {
    if (this.#account === undefined) return;
    const next = `${this.#path}.new`;
    const file = openSync(next, 'w');
    let bytes = 0;
    for (const line of snapshotLines(this.#account)) bytes += writeFully(file, `${line}\n`);
    fsyncSync(file);
    closeSync(file);
    renameSync(next, this.#path);
    closeSync(this.#file);
    this.#file = openSync(this.#path, 'a');
    this.#bytes = bytes;
    this.#snapshotBytes = bytes;
  }

  #replay(account: Account): void {
    const content = readFileSync(this.#path);
    let start = 0;
    for (let end = content.indexOf(10); end >= 0; end = content.indexOf(10, start)) {
      const line = JSON.parse(content.toString('utf8', start, end)) as AccountEvent | CommitLine | SnapshotLine;
      apply(account, line);
      start = end + 1;
    }
    // Without its line end the last record was never acknowledged.
    if (start < content.length) truncateSync(this.#path, start);
    this.#bytes = start;
    this.#snapshotBytes = start / 2;
  }
}

/** A write may take only a part, for example when the disk is almost full. */
function writeFully(file: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  return bytes.length;
}

const SILENT: AccountLog = { active: false, committed: () => undefined, event: () => undefined };

const writeKey = (key: readonly KeyComponent[]): Json[] => key.map((part) => (part === undefined ? {} : part));
const readKey = (key: readonly Json[]): KeyComponent[] =>
  key.map((part) => (typeof part === 'object' && part !== null ? undefined : part));

function apply(account: Account, line: AccountEvent | CommitLine | SnapshotLine): void {
  if (line.t === 'w') applyCommit(account, line);
  else if (line.t === 'R' || line.t === 'N' || line.t === 'I') replaySnapshotLine(account, line);
  else {
    account.replay(line);
    // Etags are made from a serial number that must not repeat; every record may have used one.
    account.etagSerial += 1;
  }
}

function applyCommit(account: Account, { c, q, ts, n, l, ops }: CommitLine): void {
  account.etagSerial = Math.max(account.etagSerial, n);
  const container = account.containerByRid(c);
  if (container === undefined) return;
  const transaction = container.begin();
  for (const op of ops) {
    const partition = container.partitionFor(readKey(op.k));
    if ('d' in op) {
      transaction.restore(partition, op.s, op.d, JSON.stringify(op.d));
    } else {
      const item = partition.items.get(op.i);
      if (item !== undefined) transaction.remove(item, op.x);
    }
  }
  transaction.commit({ sequence: q, ts, lsns: new Map(l) });
}

/** Moves everything read back into the account that writes to the file. */
function transfer(from: Account, to: Account): void {
  to.etagSerial = from.etagSerial;
  to.databaseSerial = from.databaseSerial;
  to.containerSerial = from.containerSerial;
  for (const [name, database] of from.databases) to.databases.set(name, database);
  for (const [id, offer] of from.offers) to.offers.set(id, offer);
  for (const { containers } of to.databases.values())
    for (const container of containers.values()) container.shared = to;
}
