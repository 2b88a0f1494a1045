// Files of an export: lines of JSON, compressed as they come, each file of a bounded size and named by its content.
import { createHash } from 'node:crypto';
import { createGzip } from 'node:zlib';
import { addDigests, digestOf, NO_EVENTS } from '../../core/replication/digests.ts';
import type { Between, LoggedEvent, LogSource } from './log-source.ts';

export const FILE_LIMITS = {
  /** A file ends with the page by which it has this many events … */
  events: 50_000,
  /** … or this many bytes before compression. One file is in memory at a time, compressed. */
  bytes: 32 * 1024 * 1024,
  /** Into so many files a part is divided that has changed while it was exported: what changes is soon in a small one. */
  divided: 8,
} as const;

/** A file, and the part of the log that it has. */
export interface EventFile extends Between {
  readonly name: string;
  readonly events: number;
  /** Of the file, compressed. */
  readonly bytes: number;
  readonly sha256: string;
  /** The sum of the digest of its events. */
  readonly sum: string;
}

/** What names of such files look like. */
export const FILE_PATTERN = 'events-*.ndjson.gz';

const nameOf = (sha256: string): string => `events-${sha256.slice(0, 32)}.ndjson.gz`;

/** A line of an export. */
export const lineOf = (tenant: string, { subject, key, epoch, origin, hash, event }: LoggedEvent): string =>
  `${JSON.stringify({ tenant, subject, key, epoch, origin, hash, event })}\n`;

/** Compresses text as it is given. */
class Compressed {
  readonly #gzip = createGzip();
  readonly #chunks: Buffer[] = [];
  readonly #ended: Promise<void>;

  constructor() {
    this.#gzip.on('data', (chunk: Buffer) => void this.#chunks.push(chunk));
    this.#ended = new Promise((resolve, reject) => {
      this.#gzip.once('end', resolve);
      this.#gzip.once('error', reject);
    });
  }

  /** Resolves once it is compressed. */
  add(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#gzip.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  async end(): Promise<Buffer> {
    this.#gzip.end();
    await this.#ended;
    return Buffer.concat(this.#chunks);
  }
}

/** Reads a part of the log into files of `most` events, at least one; each is given before more of the log is read. */
export async function* eventFiles(
  source: Pick<LogSource, 'page'>,
  tenant: string,
  { after, through }: Between,
  most: number = FILE_LIMITS.events,
): AsyncGenerator<{ readonly file: EventFile; readonly content: Buffer }> {
  let begin = after;
  for (;;) {
    const compressed = new Compressed();
    let digest = NO_EVENTS;
    let bytes = 0;
    let next = begin;
    do {
      const page = await source.page({ after: next, through });
      const text = page.items.map((item) => lineOf(tenant, item)).join('');
      await compressed.add(text);
      digest = addDigests(digest, digestOf(page.entries));
      bytes += Buffer.byteLength(text);
      next = page.next;
    } while (next !== null && digest.count < most && bytes < FILE_LIMITS.bytes);
    const content = await compressed.end();
    const sha256 = createHash('sha256').update(content).digest('hex');
    const { count: events, sum } = digest;
    const file = {
      name: nameOf(sha256),
      events,
      bytes: content.length,
      sha256,
      sum,
      after: begin,
      through: next ?? through,
    };
    yield { file, content };
    if (next === null) return;
    begin = next;
  }
}
