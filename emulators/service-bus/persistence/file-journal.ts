// A journal in a directory: a change is written to the file before its client gets an acknowledgement.
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { lockDirectory } from '../../directory-lock.ts';
import { encodeDelivery } from '../amqp/delivery.ts';
import type { MessageContent } from '../amqp/message.ts';
import type { Journal } from '../broker/journal.ts';
import type { StoredMessage } from '../broker/message.ts';
import { describeDamage, JournalDamagedError, keepDamaged } from './damage.ts';
import { type Decoded, decodeRecords, encodeRecord, type Header, type JournalRecord } from './records.ts';

/**
 * When the file is forced to the disk. `never` leaves it to the operating system: safe when the process is killed, not
 * when the machine loses power. `always` forces it before every acknowledgement.
 */
export type FsyncPolicy = 'never' | 'always';

/** How a journal is opened and kept. */
export interface JournalOptions {
  readonly fsync?: FsyncPolicy | undefined;
  /** Goes on with what can be read of a damaged file instead of throwing a `JournalDamagedError`. */
  readonly recover?: boolean | undefined;
  /** Hears what was dropped. */
  readonly log?: (message: string) => void;
}

const FILE = 'service-bus.journal';
const LOCK = 'service-bus.lock';
/** A journal is rewritten when it is this large and has doubled since it was last rewritten. */
const COMPACT_FROM_BYTES = 16 * 1024 * 1024;

/** The kinds of records. */
export const RECORD = {
  /** id; bytes: the message as it was sent. */
  content: 'c',
  /** path, content id, then the fields of `messageFields`. */
  message: 'm',
  /** path, content id, sequence number, delivery count, state. */
  change: 'u',
  /** path, sequence number. */
  removal: 'r',
  /** path, session id, whether there is a state; bytes: the state. */
  session: 's',
  /** path, description or null. */
  entity: 'e',
  /** path, last sequence number. */
  counter: 'q',
  /** name, pairs of message id and time. */
  duplicates: 'd',
} as const;

/** Appends to a file in a directory. */
export class FileJournal implements Journal {
  private readonly file: string;
  private readonly fsync: FsyncPolicy;
  private readonly unlock: () => void;
  private descriptor: number;
  private pending: Buffer[] = [];
  private size: number;
  private compactedSize = 0;
  private nextContentId = 1;
  private muted = true;
  /** Writes the present state through the functions it is given; set once there is a state. */
  snapshot: ((journal: Journal & SnapshotJournal) => void) | undefined;
  /** What was in the file when it was opened. */
  readonly recovered: readonly JournalRecord[];

  constructor(directory: string, { fsync = 'never', recover = false, log = () => undefined }: JournalOptions = {}) {
    this.unlock = lockDirectory(directory, LOCK);
    this.file = path.join(directory, FILE);
    this.fsync = fsync;
    try {
      const { records, end } = readJournal(this.file, recover, log);
      this.recovered = records;
      this.size = end;
      // 'r+' so that a torn record at the end is overwritten by what comes next.
      this.descriptor = openSync(this.file, existsSync(this.file) ? 'r+' : 'w+');
    } catch (error) {
      this.unlock();
      throw error;
    }
  }

  /** Recovery is over: from now on changes are recorded, into a file that holds nothing else than the present state. */
  begin(): void {
    this.muted = false;
    this.compact();
  }

  stored(storePath: string, message: StoredMessage): void {
    if (this.muted) return;
    this.append([RECORD.message, storePath, this.contentId(message.content), ...messageFields(message)]);
  }

  changed(storePath: string, message: StoredMessage): void {
    if (this.muted) return;
    const { sequenceNumber, deliveryCount, state } = message;
    this.append([RECORD.change, storePath, this.contentId(message.content), sequenceNumber, deliveryCount, state]);
  }

  removed(storePath: string, sequenceNumber: number): void {
    if (!this.muted) this.append([RECORD.removal, storePath, sequenceNumber]);
  }

  sessionState(storePath: string, session: string, state: Buffer | undefined): void {
    if (!this.muted) this.append([RECORD.session, storePath, session, state !== undefined], state);
  }

  entity(entityPath: string, description: object | undefined): void {
    if (!this.muted) this.append([RECORD.entity, entityPath, description ?? null]);
  }

  counter(storePath: string, last: number): void {
    this.append([RECORD.counter, storePath, last]);
  }

  duplicates(name: string, entries: readonly (readonly [string, number])[]): void {
    this.append([RECORD.duplicates, name, entries]);
  }

  flush(): void {
    if (this.pending.length === 0) return;
    this.writeOut();
    if (this.fsync === 'always') fdatasyncSync(this.descriptor);
    if (this.size > COMPACT_FROM_BYTES && this.size > this.compactedSize * 2) this.compact();
  }

  /** Gives the directory back. Repeating it is harmless. */
  close(): void {
    if (this.descriptor < 0) return;
    this.flush();
    closeSync(this.descriptor);
    this.descriptor = -1;
    this.muted = true;
    this.unlock();
  }

  /** Writes the present state to a new file, which then takes the place of the old one. */
  private compact(): void {
    if (this.snapshot === undefined) return;
    const next = `${this.file}.next`;
    const before = this.descriptor;
    this.descriptor = openSync(next, 'w+');
    this.size = 0;
    this.snapshotId++;
    this.snapshot(this);
    this.writeOut();
    fsyncSync(this.descriptor);
    closeSync(before);
    renameSync(next, this.file);
    this.compactedSize = this.size;
  }

  private snapshotId = 0;

  private writeOut(): void {
    const bytes = this.pending.length === 1 ? (this.pending[0] ?? Buffer.alloc(0)) : Buffer.concat(this.pending);
    this.pending = [];
    let written = 0;
    while (written < bytes.length)
      written += writeSync(this.descriptor, bytes, written, bytes.length - written, this.size + written);
    this.size += bytes.length;
  }

  private append(header: Header, bytes?: Buffer): void {
    this.pending.push(encodeRecord(header, bytes));
  }

  /** Copies of one message share their content, which is written once per file. */
  private contentId(content: MessageContent): string {
    const known = content.journalId;
    if (known.snapshot === this.snapshotId) return `${known.id}`;
    const id = this.nextContentId++;
    content.journalId = { snapshot: this.snapshotId, id };
    const whole = encodeDelivery(content, { deliveryCount: 0, ttlMs: content.ttlMs, annotations: [] });
    this.append([RECORD.content, `${id}`], whole);
    return `${id}`;
  }
}

function readJournal(file: string, recover: boolean, log: (message: string) => void): Decoded {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const decoded = decodeRecords(bytes);
  const { damage, records, end, torn } = decoded;
  if (torn > 0)
    log(`The journal ${file} ends, at byte ${end}, with ${torn} bytes of a record that was cut off; they are dropped.`);
  if (damage.length === 0) return decoded;
  if (!recover) throw new JournalDamagedError(file, decoded);
  log(`${describeDamage(file, damage, records.length)} It is kept as ${keepDamaged(file)}.`);
  return decoded;
}

/** What only a snapshot writes. */
export interface SnapshotJournal {
  counter(path: string, last: number): void;
  duplicates(name: string, entries: readonly (readonly [string, number])[]): void;
}

/** The fields of a message besides its content, in the order in which recovery reads them. */
function messageFields(message: StoredMessage): Header {
  return [
    message.sequenceNumber,
    message.enqueuedSequenceNumber,
    message.enqueuedTime,
    message.deliveryCount,
    message.state,
    message.scheduledFor ?? null,
    Number.isFinite(message.expiresAt) ? message.expiresAt : null,
    message.ttlMs ?? null,
    message.wasScheduled,
    message.hops,
    message.deadLetterSource ?? null,
  ];
}
