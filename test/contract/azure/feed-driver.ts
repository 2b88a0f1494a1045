// What the Functions host does for a Cosmos DB trigger with an endless retry policy: each range a batch at a time, in order.
import { setTimeout as pause } from 'node:timers/promises';
import { ChangeFeedStartFrom, type Container, type FeedRange } from '@azure/cosmos';

const IDLE_MS = 5;

/** Reads the feed from where it stopped last. A position is kept only once the function has succeeded with all before it. */
export class FeedDriver {
  readonly #container: Container;
  readonly #batchSize: number;
  readonly #positions = new Map<string, string>();
  #stopping = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(container: Container, batchSize: number) {
    this.#container = container;
    this.#batchSize = batchSize;
  }

  start(invoke: (items: readonly unknown[]) => Promise<void>): void {
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    this.#running = this.#container
      .getFeedRanges()
      .then((ranges) => Promise.all(ranges.map((range) => this.#readRange(range, invoke, signal))));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#running = undefined;
  }

  async #readRange(
    range: FeedRange,
    invoke: (items: readonly unknown[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const position = this.#positions.get(range.minInclusive);
      const iterator = this.#container.items.getChangeFeedIterator<unknown>({
        changeFeedStartFrom:
          position === undefined ? ChangeFeedStartFrom.Beginning(range) : ChangeFeedStartFrom.Continuation(position),
        maxItemCount: this.#batchSize,
      });
      try {
        while (!signal.aborted) {
          const { result = [], continuationToken } = await iterator.readNext();
          if (result.length === 0) await pause(IDLE_MS);
          else if (!(await succeed(invoke, JSON.stringify(result), signal))) return;
          if (continuationToken !== undefined) this.#positions.set(range.minInclusive, continuationToken);
        }
      } catch {
        // The feed cannot be reached: on from the last position, with a new iterator.
        await pause(IDLE_MS);
      }
    }
  }
}

/** The same batch again until the function succeeds with it; false if delivery is stopped before. */
async function succeed(
  invoke: (items: readonly unknown[]) => Promise<void>,
  batch: string,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await invoke(JSON.parse(batch) as unknown[]);
      return true;
    } catch {
      await pause(1);
    }
  }
  return false;
}
