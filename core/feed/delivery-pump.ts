// Pulls a consumer's messages and hands them over in batches, within the limits that the topology sets for a platform that pushes.
import { pauseAfter } from '../lib/retry.ts';
import type { DeliveryHandler } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliverySource, Received } from '../ports/delivery-source.ts';
import { describeError } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';

/** Bounds of a pump; durations in milliseconds. */
export const PUMP_LIMITS = {
  /** A batch is not filled further beyond these bytes: as much as Lambda hands over. */
  batchBytes: 6 * 1024 * 1024,
  /** Asked for at once: of the largest messages, 2.5 MiB. */
  page: 10,
  /** How long one question waits for a first message. */
  waitMs: 10_000,
  /** How long one waits for another message while a batch fills. */
  fillMs: 100,
  firstRetryMs: 200,
  lastRetryMs: 10_000,
} as const;

export interface DeliveryPumpDeps {
  /** For log lines: the consumer, or its dead letters. */
  readonly name: string;
  readonly source: DeliverySource;
  readonly handler: DeliveryHandler;
  readonly batchSize: number;
  /** How long a batch that is not full waits for more. */
  readonly windowMs: number;
  /** How long the handler may take for a batch; it gets this as its deadline. */
  readonly limitMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** One batch at a time: batches side by side would mostly wait for each other's subjects. Replicas are added instead. */
export class DeliveryPump {
  readonly #deps: DeliveryPumpDeps;
  readonly #abort = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(deps: DeliveryPumpDeps) {
    this.#deps = deps;
  }

  /** Begins, in the background. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends in order: what has been received is handled and finished with, and the source is closed. Never rejects. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#loop;
    await this.#deps.source.close().catch((error: unknown) => this.#warn('a queue could not be closed', error));
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#abort.signal.aborted) {
      const batch: Received[] = [];
      try {
        await this.#fill(batch);
        failures = 0;
      } catch (error) {
        failures += 1;
        // Once an outage, and not at every try.
        if (failures === 1) this.#warn('a queue cannot be read, and will be again', error);
      }
      // What is in hand is handed over, whatever has failed after it.
      if (batch.length > 0)
        await this.#handle(batch).catch((error: unknown) =>
          this.#warn('a batch was not finished with, and comes again', error),
        );
      if (failures > 0)
        await this.#pause(pauseAfter(Math.min(failures, 20), PUMP_LIMITS.firstRetryMs, PUMP_LIMITS.lastRetryMs));
    }
  }

  /** Adds to the batch until it is full, or its window is over. */
  async #fill(batch: Received[]): Promise<void> {
    const { source, batchSize, windowMs, clock } = this.#deps;
    const { signal } = this.#abort;
    batch.push(...(await source.receive(Math.min(batchSize, PUMP_LIMITS.page), PUMP_LIMITS.waitMs, signal)));
    const until = clock.now() + windowMs;
    let bytes = sizeOf(batch);
    while (batch.length > 0 && batch.length < batchSize && bytes < PUMP_LIMITS.batchBytes && !signal.aborted) {
      const left = until - clock.now();
      if (left <= 0) return;
      const most = Math.min(batchSize - batch.length, PUMP_LIMITS.page);
      const more = await source.receive(most, Math.min(left, PUMP_LIMITS.fillMs), signal);
      batch.push(...more);
      bytes += sizeOf(more);
    }
  }

  /** Messages that are to be tried again are left alone: they come again after their timeout, and not at once, which would use up their deliveries. */
  async #handle(batch: readonly Received[]): Promise<void> {
    const { source, handler, limitMs, clock } = this.#deps;
    const outcomes = await handler(
      batch.map(({ message }) => message),
      clock.now() + limitMs,
      limitMs,
    );
    const done = batch.filter((_, index) => outcomes[index]?.status === 'done');
    if (done.length > 0) await source.finish(done);
  }

  #warn(message: string, error: unknown): void {
    this.#deps.log.warn(message, { queue: this.#deps.name, ...describeError(error) });
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#abort;
    if (signal.aborted) return;
    const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#deps.clock.sleep(milliseconds), ended]);
  }
}

const sizeOf = (messages: readonly Received[]): number => messages.reduce((sum, { bytes }) => sum + bytes, 0);
