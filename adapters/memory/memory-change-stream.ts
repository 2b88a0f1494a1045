// The change stream of a store in memory: batches in commit order, redelivered from the first failed record.
import type { ChangeHandler, ChangeRecord } from '../../core/ports/change-stream.ts';
import { type Clock, epochMs } from '../../core/ports/clock.ts';
import { Bell } from './bell.ts';

export interface MemoryChangeStreamOptions {
  readonly clock: Clock;
  /** Maximum records in a batch; 100 by default. */
  readonly batchSize?: number;
  /** Pause before a failed batch is delivered again; 1 second by default. */
  readonly retryMs?: number;
  /** Called with the reason why a batch failed; it is delivered again in any case. */
  readonly onProblem?: (error: unknown) => void;
}

/** Both clouds report the time of a commit to the second. */
const COMMIT_PRECISION_MS = 1000;

export class MemoryChangeStream {
  readonly #options: Required<MemoryChangeStreamOptions>;
  /** Rings when a record was written or the loop is to stop. */
  readonly #news = new Bell();
  readonly #dealtWith = new Bell();
  #open: ChangeRecord[] = [];
  #running: { readonly abort: AbortController; readonly loop: Promise<void> } | undefined;

  constructor(options: MemoryChangeStreamOptions) {
    this.#options = { batchSize: 100, retryMs: 1000, onProblem: () => undefined, ...options };
  }

  /** The callback to pass to the `MemoryStore` of this stream. */
  readonly onChange = (record: ChangeRecord): void => {
    const committedAt = epochMs(Math.floor(record.committedAt / COMMIT_PRECISION_MS) * COMMIT_PRECISION_MS);
    this.#open.push({ ...record, committedAt });
    this.#news.ring();
  };

  /** Records not handled yet. */
  get backlog(): number {
    return this.#open.length;
  }

  /** Delivers one batch, for tests that proceed step by step. Returns whether it was handled completely. */
  async deliver(handler: ChangeHandler): Promise<boolean> {
    const batch = this.#open.slice(0, this.#options.batchSize);
    if (batch.length === 0) return true;
    try {
      // Copies, because a cloud parses each delivery anew: a handler's changes to a body must not show the next time.
      const outcome = await handler(structuredClone(batch));
      const dealtWith = outcome.status === 'done' ? batch.length : outcome.failedAt;
      if (outcome.status === 'retry' && batch[outcome.failedAt] === undefined)
        throw new RangeError(`The handler failed at record ${outcome.failedAt} of ${batch.length}.`);
      this.#open = this.#open.slice(dealtWith);
      return dealtWith === batch.length;
    } catch (error) {
      this.#options.onProblem(error);
      return false;
    }
  }

  /** Starts delivering in the background, until stopped. */
  start(handler: ChangeHandler): void {
    if (this.#running !== undefined) throw new TypeError('The stream is being delivered already.');
    const abort = new AbortController();
    this.#running = { abort, loop: this.#run(handler, abort.signal) };
  }

  /** Stops after the batch in progress; the remaining records go to the next handler. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.abort.abort();
    this.#news.ring();
    await running?.loop;
  }

  /** Resolves once everything written has been handled. */
  async settled(): Promise<void> {
    while (this.#open.length > 0) await this.#dealtWith.rung();
  }

  async #run(handler: ChangeHandler, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#open.length === 0) await this.#news.rung();
      else if (await this.deliver(handler)) this.#dealtWith.ring();
      else await this.#pause(signal);
    }
  }

  /** Ends early when the loop is to stop, but not for new records: they come after the failed batch. */
  async #pause(signal: AbortSignal): Promise<void> {
    const slept = this.#options.clock.sleep(this.#options.retryMs).then(() => true);
    while (!signal.aborted && !(await Promise.race([slept, this.#news.rung().then(() => false)])));
  }
}
