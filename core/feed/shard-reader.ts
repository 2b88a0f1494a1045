// Reads one shard for as long as its replica holds it: page by page, each handled to its end before the next one and before it is recorded.
import { pauseAfter } from '../lib/retry.ts';
import type { ChangeHandler, ChangeRecord } from '../ports/change-stream.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import type { FeedSource } from '../ports/feed.ts';
import type { Log } from '../ports/log.ts';
import type { ShardRow, ShardTable } from './shard-table.ts';

/** Pauses of a reader, in milliseconds. */
export interface ReaderTimes {
  /** Before a shard that had nothing new is read again. */
  readonly idleMs: number;
  /** After a failure, doubling up to the last. */
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
}

export interface ReaderDeps {
  readonly source: FeedSource;
  readonly table: ShardTable;
  readonly handler: ChangeHandler;
  readonly clock: Clock;
  readonly log: Log;
  readonly times: ReaderTimes;
  /** Whether this replica may still be taken for alive by the others; handling begins only then. */
  readonly mayWork: () => boolean;
}

/** How the reading ended: all of the shard is handled, it was given back, or its term was over. */
export type ReaderOutcome = 'ended' | 'released' | 'lost';

/** One reader of one shard. */
export class ShardReader {
  readonly #deps: ReaderDeps;
  #row: ShardRow;
  #stop: () => void = () => undefined;
  readonly #stopped: Promise<void>;
  #stopping = false;
  #failures = 0;

  /** @param row as it was taken */
  constructor(deps: ReaderDeps, row: ShardRow) {
    this.#deps = deps;
    this.#row = row;
    this.#stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  get term(): number {
    return this.#row.term;
  }

  /** Ends the reading after the page under way; a page that keeps failing is left for the next reader. */
  stop(): void {
    this.#stopping = true;
    this.#stop();
  }

  /** Reads until the shard ends, is given back or is lost. Never rejects: what fails is tried again. */
  async run(): Promise<ReaderOutcome> {
    while (!this.#stopping) {
      try {
        const outcome = await this.#step();
        this.#failures = 0;
        if (outcome !== undefined) return outcome;
      } catch (error) {
        await this.#failed('a shard of the change stream cannot be read, and will be again', error);
      }
    }
    return this.#release();
  }

  /** One page. */
  async #step(): Promise<ReaderOutcome | undefined> {
    const { source, table, times, mayWork } = this.#deps;
    const page = await source.read(this.#row.id, this.#row.position);
    if (!mayWork()) {
      // Another replica may have it by now; after the next sign of life the table says.
      await this.#pause(times.idleMs);
      return undefined;
    }
    if (!(await this.#handle(page.records))) return undefined;
    if ('ended' in page.next) return (await this.#end(page.next.ended)) ? 'ended' : 'lost';
    if (page.records.length === 0) {
      this.#row = { ...this.#row, position: page.next.position };
      await this.#pause(times.idleMs);
      return undefined;
    }
    const { position } = page.next;
    const next = await this.#write(() => table.checkpoint(this.#row, position));
    if (next === undefined) return 'lost';
    this.#row = next;
    return undefined;
  }

  /** Hands over the records until they are all handled; false if the reading was stopped before. */
  async #handle(records: readonly ChangeRecord[]): Promise<boolean> {
    const { handler, mayWork } = this.#deps;
    let left = records;
    let failures = 0;
    while (left.length > 0) {
      if (this.#stopping || !mayWork()) return false;
      // A copy: what a handler changes in a body must not show the next time.
      const outcome = await handler(structuredClone(left)).catch((error: unknown) => error);
      if (isOutcome(outcome)) {
        if (outcome.status === 'done') return true;
        if (left[outcome.failedAt] === undefined)
          throw new RangeError(`The handler failed at record ${outcome.failedAt} of ${left.length}.`);
        if (outcome.failedAt > 0) failures = 0;
        left = left.slice(outcome.failedAt);
      } else {
        this.#deps.log.error('handling changes failed and will be repeated', {
          ...describeError(outcome),
          shard: this.#row.id,
        });
      }
      failures += 1;
      await this.#pause(this.#retryMs(failures));
    }
    return true;
  }

  #end(children: Parameters<ShardTable['end']>[1]): Promise<boolean> {
    return this.#write(() => this.#deps.table.end(this.#row, children));
  }

  /** The store may be away for a while: what was handled is recorded once it is back, for as long as no other replica has the shard. */
  async #write<T>(write: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await write();
      } catch (error) {
        if (this.#stopping) throw error;
        this.#deps.log.warn('the place in the change stream cannot be recorded, and will be again', {
          ...describeError(error),
          shard: this.#row.id,
        });
        await this.#pause(this.#retryMs(failures));
      }
    }
  }

  async #release(): Promise<ReaderOutcome> {
    try {
      return (await this.#deps.table.release(this.#row)) === undefined ? 'lost' : 'released';
    } catch (error) {
      this.#deps.log.warn('a shard could not be given back; it is free once this replica is taken for dead', {
        ...describeError(error),
        shard: this.#row.id,
      });
      return 'lost';
    }
  }

  async #failed(message: string, error: unknown): Promise<void> {
    this.#failures += 1;
    // Once an outage, and not at every try.
    if (this.#failures === 1) this.#deps.log.warn(message, { ...describeError(error), shard: this.#row.id });
    await this.#pause(this.#retryMs(this.#failures));
  }

  #retryMs(failures: number): number {
    const { firstRetryMs, lastRetryMs } = this.#deps.times;
    return pauseAfter(Math.min(failures, 20), firstRetryMs, lastRetryMs);
  }

  #pause(milliseconds: number): Promise<unknown> {
    return Promise.race([this.#deps.clock.sleep(milliseconds), this.#stopped]);
  }
}

const isOutcome = (value: unknown): value is Awaited<ReturnType<ChangeHandler>> =>
  typeof value === 'object' && value !== null && 'status' in value && !(value instanceof Error);
