// What a file of an export is: lines of JSON, or Parquet; compressed as events are added, or at the end.
import { createGzip, gzipSync } from 'node:zlib';
import { parseTime } from '../../core/events/time.ts';
import type { LoggedEvent } from './log-source.ts';

export const FILE_FORMATS = ['ndjson', 'parquet'] as const;

export type FileFormat = (typeof FILE_FORMATS)[number];

/** What names of files end in. */
export const ENDINGS: Readonly<Record<FileFormat, string>> = { ndjson: '.ndjson.gz', parquet: '.parquet' };

/** Writes one file, in memory. */
export interface FileWriter {
  /** Resolves with the bytes that these events have before they are compressed. */
  add(items: readonly LoggedEvent[]): Promise<number>;
  end(): Promise<Buffer>;
}

/** Opens a file for events of a tenant. */
export const openFile = (format: FileFormat, tenant: string): FileWriter =>
  format === 'ndjson' ? new Lines(tenant) : new ParquetFile(tenant);

/** A line for each event: `tenant`, `subject`, `key`, `epoch`, `origin`, `hash` and `event`. */
class Lines implements FileWriter {
  readonly #tenant: string;
  readonly #gzip = createGzip();
  readonly #chunks: Buffer[] = [];
  readonly #ended: Promise<void>;

  constructor(tenant: string) {
    this.#tenant = tenant;
    this.#gzip.on('data', (chunk: Buffer) => void this.#chunks.push(chunk));
    this.#ended = new Promise((resolve, reject) => {
      this.#gzip.once('end', resolve);
      this.#gzip.once('error', reject);
    });
  }

  async add(items: readonly LoggedEvent[]): Promise<number> {
    const text = items.map((item) => this.#line(item)).join('');
    await new Promise<void>((resolve, reject) => {
      this.#gzip.write(text, (error) => (error ? reject(error) : resolve()));
    });
    return Buffer.byteLength(text);
  }

  async end(): Promise<Buffer> {
    this.#gzip.end();
    await this.#ended;
    return Buffer.concat(this.#chunks);
  }

  #line({ subject, key, epoch, origin, hash, event }: LoggedEvent): string {
    return `${JSON.stringify({ tenant: this.#tenant, subject, key, epoch, origin, hash, event })}\n`;
  }
}

/**
 * The same, with `type`, `source`, `id` and `time` in columns of their own, too: `time` in milliseconds and UTC, as warehouses prune by it. `event`
 * is the whole CloudEvent as JSON, with the time as it was sent.
 */
class ParquetFile implements FileWriter {
  readonly #tenant: string;
  readonly #rows: LoggedEvent[] = [];
  readonly #events: string[] = [];

  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  async add(items: readonly LoggedEvent[]): Promise<number> {
    let bytes = 0;
    for (const item of items) {
      const event = JSON.stringify(item.event);
      this.#rows.push(item);
      this.#events.push(event);
      bytes += Buffer.byteLength(event) + item.subject.length + item.key.length;
    }
    return bytes;
  }

  async end(): Promise<Buffer> {
    // Loaded only when it is used.
    const { parquetWriteBuffer } = await import('hyparquet-writer');
    const rows = this.#rows;
    const text = (name: string, of: (row: LoggedEvent) => string) =>
      ({ name, data: rows.map(of), type: 'STRING', nullable: false }) as const;
    const buffer = parquetWriteBuffer({
      codec: 'GZIP',
      compressors: { GZIP: (bytes) => gzipSync(bytes) },
      createdBy: 'polycell',
      rowGroupSize: ROW_GROUP,
      columnData: [
        text('tenant', () => this.#tenant),
        text('subject', ({ subject }) => subject),
        text('key', ({ key }) => key),
        { name: 'epoch', data: rows.map(({ epoch }) => BigInt(epoch)), type: 'INT64', nullable: false },
        { name: 'origin', data: rows.map(({ origin }) => origin), type: 'STRING', nullable: true },
        text('hash', ({ hash }) => hash),
        text('type', ({ event }) => event.type),
        text('source', ({ event }) => event.source),
        text('id', ({ event }) => event.id),
        {
          name: 'time',
          data: rows.map(({ event }) => new Date(parseTime(event.time ?? '')?.epochMs ?? Number.NaN)),
          type: 'TIMESTAMP',
          nullable: false,
        },
        { name: 'event', data: this.#events, type: 'STRING', nullable: false },
      ],
    });
    return Buffer.from(buffer);
  }
}

/** Rows of a row group: as many as a file has, as readers prune by files here. */
const ROW_GROUP = 100_000;
