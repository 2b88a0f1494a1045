// The Service Bus trigger: picks the way of receiving that its cardinality and its sessions ask for.
import { setMaxListeners } from 'node:events';
import { RetryMode } from '@azure/service-bus';
import { textOf } from '../errors.ts';
import type { Trigger, TriggerContext } from '../trigger.ts';
import type { ServiceBusClients, SharedClient } from './clients.ts';
import { type Entity, Receiving } from './receiving.ts';

/** Receives messages of one queue or subscription for one function. */
export class ServiceBusTrigger implements Trigger {
  readonly #context: TriggerContext;
  readonly #entity: Entity;
  readonly #connection: string;
  readonly #many: boolean;
  readonly #sessions: boolean;
  readonly #autoComplete: boolean;
  readonly #stopping = new AbortController();
  readonly #clients: ServiceBusClients;
  #shared: SharedClient | undefined;
  #loops: Promise<void>[] = [];

  /** @throws Error if the binding's options are not valid */
  constructor(context: TriggerContext, clients: ServiceBusClients) {
    const { binding, functionName, settings, hostJson } = context;
    const fail = (why: string): never => {
      throw new Error(`The Service Bus trigger of "${functionName}" cannot be started: ${why}.`);
    };
    const text = (key: string): string | undefined => {
      const value = binding[key];
      return typeof value === 'string' && value !== '' ? settings.resolve(value) : undefined;
    };
    if (binding.sdkBinding === true) fail('"sdkBinding" needs the extensions package, which this host does not run');
    const cardinality = text('cardinality')?.toLowerCase() ?? 'one';
    if (cardinality !== 'one' && cardinality !== 'many') fail(`"cardinality" is "${cardinality}"`);
    const queue = text('queueName');
    const topic = text('topicName');
    const subscription = text('subscriptionName');
    if (queue !== undefined) this.#entity = { queue };
    else if (topic !== undefined && subscription !== undefined) this.#entity = { topic, subscription };
    else this.#entity = fail('it names neither a queue nor a topic with a subscription');
    this.#context = context;
    this.#clients = clients;
    // One listener a session; Node would suspect a leak at eleven.
    setMaxListeners(0, this.#stopping.signal);
    this.#connection = settings.serviceBusConnection(text('connection') ?? 'AzureWebJobsServiceBus');
    this.#many = cardinality === 'many';
    this.#sessions = binding.isSessionsEnabled === true;
    const own = binding.autoCompleteMessages;
    this.#autoComplete = typeof own === 'boolean' ? own : hostJson.serviceBus.autoCompleteMessages;
  }

  /** From here on the connection of a build before this one stays, once there is one. */
  prepare(): void {
    this.#share();
  }

  #share(): SharedClient {
    const { clientRetry } = this.#context.hostJson.serviceBus;
    this.#shared ??= this.#clients.take(this.#connection, {
      mode: clientRetry.exponential ? RetryMode.Exponential : RetryMode.Fixed,
      maxRetries: clientRetry.maxRetries,
      retryDelayInMs: clientRetry.delayMs,
      maxRetryDelayInMs: clientRetry.maxDelayMs,
      timeoutInMs: clientRetry.tryTimeoutMs,
    });
    return this.#shared;
  }

  async start(): Promise<void> {
    const { maxConcurrentSessions } = this.#context.hostJson.serviceBus;
    const { client } = this.#share();
    const receiving = new Receiving({
      context: this.#context,
      client,
      entity: this.#entity,
      sessions: this.#sessions,
      autoComplete: this.#autoComplete,
      signal: this.#stopping.signal,
    });
    if (this.#many) this.#loops = [receiving.batches()];
    else if (!this.#sessions) this.#loops = [receiving.singles()];
    else this.#loops = Array.from({ length: maxConcurrentSessions }, () => receiving.sessionSingles());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
    const shared = this.#shared;
    this.#shared = undefined;
    try {
      await shared?.release();
    } catch (error) {
      const { log, functionName } = this.#context;
      log({ level: 'debug', category: 'host', message: `Closing Service Bus: ${textOf(error)}`, functionName });
    }
  }
}
