// Receives messages, calls the function with them, and settles them by the rules of the Service Bus extension.
import {
  isServiceBusError,
  type ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSessionReceiver,
} from '@azure/service-bus';
import { textOf } from '../errors.ts';
import type { Outcome } from '../runtime.ts';
import type { TriggerContext } from '../trigger.ts';
import { type Shape, toBatchInvocation, toSingleInvocation } from './metadata.ts';
import { Settler } from './settler.ts';

/** What is received from. */
export type Entity = { readonly queue: string } | { readonly topic: string; readonly subscription: string };

/** What receiving needs. */
export interface ReceivingOptions {
  readonly context: TriggerContext;
  readonly client: ServiceBusClient;
  readonly entity: Entity;
  readonly sessions: boolean;
  readonly autoComplete: boolean;
  readonly signal: AbortSignal;
}

/** A first message is waited for so long before the receiver asks again. */
const IDLE_WAIT_MS = 60_000;
/**
 * After the first message of a batch, those that follow at once join it. The SDK would wait a whole second for them, which
 * the .NET client of the real host does not.
 */
const FILL_MS = 10;
/** A pause between attempts while the entity cannot be received from. */
const RECONNECT_MS = 1000;

/** The loops of one trigger; each ends when the signal aborts and its messages are settled. */
export class Receiving {
  readonly #o: ReceivingOptions;
  readonly #settler = new Settler();

  constructor(options: ReceivingOptions) {
    this.#o = options;
  }

  /** Cardinality many: one batch at a time, from one session at a time if there are sessions. */
  async batches(): Promise<void> {
    const { sessions, context, signal } = this.#o;
    const { maxMessageBatchSize, sessionIdleTimeoutMs } = context.hostJson.serviceBus;
    // Locks of a batch are not renewed: a handler that outlasts them gets its messages again.
    await this.#receiving(sessions, 0, async (receiver) => {
      const waitMs = sessions ? sessionIdleTimeoutMs : IDLE_WAIT_MS;
      while (!signal.aborted) {
        const batch = await this.#batch(receiver, maxMessageBatchSize, waitMs);
        if (batch.length > 0) await this.#dispatchBatch(receiver, batch);
        else if (sessions) return;
      }
    });
  }

  /** Cardinality one without sessions: up to maxConcurrentCalls at once. */
  async singles(): Promise<void> {
    const { context, signal } = this.#o;
    const { maxConcurrentCalls, maxAutoLockRenewalMs } = context.hostJson.serviceBus;
    await this.#receiving(false, maxAutoLockRenewalMs, async (receiver) => {
      const active = new Set<Promise<void>>();
      let failed: (error: Error) => void = () => undefined;
      const ended = new Promise<void>((resolve, reject) => {
        failed = reject;
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (signal.aborted) resolve();
      });
      const subscription = receiver.subscribe(
        {
          processMessage: async (message) => {
            const one = this.#dispatchOne(receiver, message);
            active.add(one);
            await one.finally(() => active.delete(one));
          },
          // The SDK reconnects automatically; a new receiver recovers from what the SDK cannot.
          processError: async ({ error, errorSource }) => {
            this.#log('warning', `Receiving failed (${errorSource}): ${error.message}`);
            if (isServiceBusError(error) && !error.retryable && errorSource === 'receive') failed(error);
          },
        },
        { autoCompleteMessages: false, maxConcurrentCalls },
      );
      try {
        await ended;
      } finally {
        await subscription.close();
        await Promise.allSettled(active);
      }
    });
  }

  /** Cardinality one with sessions: one session, up to maxConcurrentCallsPerSession of its messages at once. */
  async sessionSingles(): Promise<void> {
    const { context, signal } = this.#o;
    const { maxConcurrentCallsPerSession, maxAutoLockRenewalMs, sessionIdleTimeoutMs } = context.hostJson.serviceBus;
    await this.#receiving(true, maxAutoLockRenewalMs, async (receiver) => {
      while (!signal.aborted) {
        const messages = await this.#batch(receiver, maxConcurrentCallsPerSession, sessionIdleTimeoutMs);
        if (messages.length === 0) return;
        await Promise.all(messages.map((message) => this.#dispatchOne(receiver, message)));
      }
    });
  }

  /** Runs `work` with one receiver after the other until the signal aborts; errors cost a receiver and a pause. */
  async #receiving(
    sessions: boolean,
    renewMs: number,
    work: (receiver: ServiceBusReceiver | ServiceBusSessionReceiver) => Promise<void>,
  ): Promise<void> {
    const { context, signal } = this.#o;
    while (!signal.aborted) {
      let receiver: ServiceBusReceiver | ServiceBusSessionReceiver | undefined;
      try {
        receiver = sessions ? await this.#acceptSession(renewMs) : this.#createReceiver(renewMs);
        await work(receiver);
      } catch (error) {
        if (!signal.aborted && !isQuiet(error)) {
          this.#log('warning', `Receiving failed: ${textOf(error)}; trying again.`);
          await context.timers.sleep(RECONNECT_MS, signal);
        }
      }
      try {
        await receiver?.close();
      } catch (error) {
        this.#log('debug', `Closing a receiver: ${textOf(error)}`);
      }
    }
  }

  #createReceiver(renewMs: number): ServiceBusReceiver {
    const { client, entity } = this.#o;
    const options = { maxAutoLockRenewalDurationInMs: renewMs, skipParsingBodyAsJson: true };
    return 'queue' in entity
      ? client.createReceiver(entity.queue, options)
      : client.createReceiver(entity.topic, entity.subscription, options);
  }

  #acceptSession(renewMs: number): Promise<ServiceBusSessionReceiver> {
    const { client, entity, signal } = this.#o;
    const options = { maxAutoLockRenewalDurationInMs: renewMs, skipParsingBodyAsJson: true, abortSignal: signal };
    return 'queue' in entity
      ? client.acceptNextSession(entity.queue, options)
      : client.acceptNextSession(entity.topic, entity.subscription, options);
  }

  async #batch(receiver: ServiceBusReceiver, most: number, waitMs: number): Promise<ServiceBusReceivedMessage[]> {
    const { context, signal } = this.#o;
    const { minMessageBatchSize, maxBatchWaitMs } = context.hostJson.serviceBus;
    const batch = await receiver.receiveMessages(1, { maxWaitTimeInMs: waitMs, abortSignal: signal });
    if (batch.length === 0 || most === 1) return batch;
    const deadline = context.timers.now() + maxBatchWaitMs;
    const least = Math.min(minMessageBatchSize, most);
    for (let first = true; first || batch.length < least; first = false) {
      const left = deadline - context.timers.now();
      if (left <= 0 || signal.aborted) break;
      const maxWaitTimeInMs = batch.length < least ? left : FILL_MS;
      // No abort signal: messages that are on their way here would stay locked.
      batch.push(...(await receiver.receiveMessages(most - batch.length, { maxWaitTimeInMs })));
      if (batch.length >= most) break;
    }
    return batch;
  }

  async #dispatchBatch(receiver: ServiceBusReceiver, batch: readonly ServiceBusReceivedMessage[]): Promise<void> {
    const { runtime, functionName } = this.#o.context;
    const outcome = await runtime.invoke(functionName, toBatchInvocation(batch, await this.#shape()));
    await this.#settle(receiver, batch, outcome);
  }

  async #dispatchOne(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage): Promise<void> {
    const { runtime, functionName } = this.#o.context;
    const outcome = await runtime.invoke(functionName, toSingleInvocation(message, await this.#shape()));
    await this.#settle(receiver, [message], outcome);
  }

  /** All or nothing: one failure abandons every message that the function was given, and each counts a delivery. */
  async #settle(
    receiver: ServiceBusReceiver,
    messages: readonly ServiceBusReceivedMessage[],
    outcome: Outcome,
  ): Promise<void> {
    if (outcome.ok && !this.#o.autoComplete) return;
    if (!outcome.ok && messages.length > 1) {
      const { name, message } = outcome.error;
      const level = outcome.cause === 'stopped' ? 'warning' : 'error';
      this.#log(level, `All ${messages.length} messages of a failed batch are abandoned: ${message}`, name);
    }
    const settle = async (message: ServiceBusReceivedMessage): Promise<void> => {
      try {
        if (outcome.ok) await receiver.completeMessage(message);
        else await receiver.abandonMessage(message);
      } catch (error) {
        // Its lock ran out, most likely: it is delivered again, as on Azure.
        const what = outcome.ok ? 'completed' : 'abandoned';
        const code = isServiceBusError(error) ? error.code : undefined;
        this.#log('warning', `Message ${String(message.messageId)} could not be ${what}: ${textOf(error)}`, code);
      }
    };
    // One turn for all of them: they have the same outcome, and a frame for each costs half the throughput.
    await this.#settler.run(() => Promise.all(messages.map(settle)));
  }

  async #shape(): Promise<Shape> {
    const { bindingName, functionName, binding, runtime, timers } = this.#o.context;
    const capabilities = await runtime.capabilities();
    return {
      bindingName,
      functionName,
      binary: String(binding.dataType).toLowerCase() === 'binary',
      session: this.#o.sessions,
      includeEmpty: (capabilities.IncludeEmptyEntriesInMessagePayload ?? '') !== '',
      now: timers.now(),
    };
  }

  #log(level: 'debug' | 'warning' | 'error', message: string, error?: string): void {
    const { log, functionName } = this.#o.context;
    log({ level, category: 'host', message, functionName, ...(error !== undefined && { error }) });
  }
}

/** No session to be had for now, or the host is stopping: neither is a fault. */
function isQuiet(error: unknown): boolean {
  if (isServiceBusError(error)) return error.code === 'ServiceTimeout' || error.code === 'SessionCannotBeLocked';
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}
