// Files of an export, each of a bounded size and named by its content.
import { createHash } from 'node:crypto';
import { addDigests, digestOf, NO_EVENTS } from '../../core/replication/digests.ts';
import { ENDINGS, type FileFormat, openFile } from './file-formats.ts';
import type { Between, LogSource } from './log-source.ts';

export const FILE_LIMITS = {
  /** A file ends with the page by which it has this many events … */
  events: 50_000,
  /** … or this many bytes before compression. One file is in memory at a time. */
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

const nameOf = (sha256: string, format: FileFormat): string => `events-${sha256.slice(0, 32)}${ENDINGS[format]}`;

/** Reads a part of the log into files of `most` events, at least one; each is given before more of the log is read. */
export async function* eventFiles(
  source: Pick<LogSource, 'page'>,
  { tenant, fileFormat }: { readonly tenant: string; readonly fileFormat: FileFormat },
  { after, through }: Between,
  most: number = FILE_LIMITS.events,
): AsyncGenerator<{ readonly file: EventFile; readonly content: Buffer }> {
  let begin = after;
  for (;;) {
    const writer = openFile(fileFormat, tenant);
    let digest = NO_EVENTS;
    let bytes = 0;
    let next = begin;
    do {
      const page = await source.page({ after: next, through });
      bytes += await writer.add(page.items);
      digest = addDigests(digest, digestOf(page.entries));
      next = page.next;
    } while (next !== null && digest.count < most && bytes < FILE_LIMITS.bytes);
    const content = await writer.end();
    const sha256 = createHash('sha256').update(content).digest('hex');
    const { count: events, sum } = digest;
    const file = {
      name: nameOf(sha256, fileFormat),
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
