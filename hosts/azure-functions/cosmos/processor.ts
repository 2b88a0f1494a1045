// Delivers the changes of one lease, a batch at a time, for as long as this host owns the lease.
import { randomUUID } from 'node:crypto';
import type { Container } from '@azure/cosmos';
import { textOf } from '../errors.ts';
import { invokeWithRetries } from '../retry.ts';
import type { InvocationRequest } from '../rpc.ts';
import { untilAborted } from '../timers.ts';
import type { TriggerContext } from '../trigger.ts';
import { FeedReader, type Page, type Position } from './feed.ts';
import { type Lease, LeaseLostError, type LeaseStore } from './leases.ts';
import type { CosmosOptions } from './options.ts';

/** What a processor needs. */
export interface ProcessorOptions {
  readonly context: TriggerContext;
  readonly options: CosmosOptions;
  readonly store: LeaseStore;
  readonly container: Container;
  readonly rid: string;
  readonly lease: Lease;
  /** When the listener was started, in ms since the epoch. */
  readonly startedAt: number;
  readonly stopping: AbortSignal;
}

/** Why processing ended: the host stops and still owns the lease, it no longer owns it, or the lease was split. */
export type End = 'released' | 'lost' | 'split';

/** Works on a lease that this host has just taken. */
export class LeaseProcessor {
  readonly #o: ProcessorOptions;
  readonly #ended = new AbortController();
  #lost: LeaseLostError | undefined;

  constructor(options: ProcessorOptions) {
    this.#o = options;
  }

  /** Resolves when this host no longer works on the lease. */
  async run(): Promise<End> {
    const { stopping } = this.#o;
    const end = (): void => this.#ended.abort();
    stopping.addEventListener('abort', end, { once: true });
    if (stopping.aborted) end();
    const renewing = this.#renew();
    try {
      return await this.#read();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
      this.#log('information', `Stopped working on a lease: ${error.message}.`);
      return 'lost';
    } finally {
      end();
      stopping.removeEventListener('abort', end);
      await renewing;
    }
  }

  /** Keeps the lease alive, and ends the processing when another host has acquired it. */
  async #renew(): Promise<void> {
    const { store, lease, options, context } = this.#o;
    const { signal } = this.#ended;
    for (;;) {
      await context.timers.sleep(options.leaseRenewIntervalMs, signal);
      if (signal.aborted) return;
      try {
        await store.renew(lease);
      } catch (error) {
        if (error instanceof LeaseLostError) {
          this.#lost = error;
          this.#ended.abort();
          return;
        }
        this.#log('warning', `A lease could not be renewed: ${textOf(error)}`);
      }
    }
  }

  async #read(): Promise<End> {
    const { options, lease, context } = this.#o;
    const { signal } = this.#ended;
    let position: Position = { ...lease.range, continuation: lease.continuation };
    let reader: FeedReader | undefined;
    while (!signal.aborted) {
      reader ??= new FeedReader({ ...this.#o, start: position });
      let page: Page | undefined;
      try {
        page = await untilAborted(reader.next(), signal);
      } catch (error) {
        // The next reader starts where the last page ended, so an outage neither skips nor repeats anything.
        this.#log('warning', `The change feed cannot be read: ${textOf(error)}`);
        reader = undefined;
        await context.timers.sleep(options.feedPollDelayMs, signal);
        continue;
      }
      if (page === undefined) break;
      if (page.documents.length > 0 && !(await this.#deliver(page.documents))) break;
      const [only, ...others] = page.positions;
      if (others.length > 0) return await this.#split(page.positions);
      if (only !== undefined) position = only;
      if (page.documents.length > 0) await this.#checkpoint(position);
      else await context.timers.sleep(options.feedPollDelayMs, signal);
    }
    if (this.#lost !== undefined) throw this.#lost;
    return 'released';
  }

  /** False if the host is being stopped and nothing is known about the batch, which must then be delivered again. */
  async #deliver(documents: readonly unknown[]): Promise<boolean> {
    const { context } = this.#o;
    const { runtime, functionName, bindingName, retryPolicy: policy, timers, log } = context;
    const outcome = await invokeWithRetries({
      runtime,
      functionName,
      request: toInvocation(bindingName, functionName, documents, timers.now()),
      policy,
      timers,
      log,
      signal: this.#ended.signal,
    });
    if (outcome.ok) return true;
    if (outcome.cause === 'stopped') return false;
    // Not a mistake of this host: Azure checkpoints after a failure, too.
    const advice =
      policy === undefined ? 'Without a retry policy they are lost' : 'Its retry policy is exhausted, so they are lost';
    this.#log(
      'error',
      `${documents.length} changes were not processed. ${advice}, as on Azure: ${outcome.error.message}`,
    );
    return true;
  }

  async #checkpoint(position: Position): Promise<void> {
    const { store, lease, context } = this.#o;
    if (position.continuation === undefined) return;
    for (;;) {
      try {
        await store.checkpoint(lease, position.continuation);
        return;
      } catch (error) {
        if (error instanceof LeaseLostError) throw error;
        if (this.#ended.signal.aborted) return;
        // Continuing without it would be correct, too, but a crash would then repeat more and more.
        this.#log('warning', `A checkpoint could not be written: ${textOf(error)}`);
        await context.timers.sleep(this.#o.options.feedPollDelayMs, this.#ended.signal);
      }
    }
  }

  /** Replaces the lease by one for each part; any free host acquires them. */
  async #split(positions: readonly Position[]): Promise<End> {
    const { store, lease, container } = this.#o;
    const { resources } = await container.readPartitionKeyRanges().fetchAll();
    for (const { min, max, continuation } of positions) {
      const range = resources.find((one) => one.minInclusive === min && one.maxExclusive === max);
      await store.create(range?.id ?? `${min}-${max}`, { min, max }, continuation);
    }
    await store.remove(lease);
    this.#log('information', `The range of a lease was split into ${positions.length}.`);
    return 'split';
  }

  #log(level: 'information' | 'warning' | 'error', message: string): void {
    const { log, functionName } = this.#o.context;
    log({ level, category: 'host', message, functionName });
  }
}

/** The documents as the host sends them. The metadata is what Azure sends too; it says nothing about the documents. */
export function toInvocation(
  bindingName: string,
  functionName: string,
  documents: readonly unknown[],
  now: number,
): InvocationRequest {
  const sys = { MethodName: functionName, UtcNow: new Date(now).toISOString(), RandGuid: randomUUID() };
  return {
    inputData: [{ name: bindingName, data: { json: JSON.stringify(documents) } }],
    triggerMetadata: { sys: { json: JSON.stringify(sys) } },
  };
}
