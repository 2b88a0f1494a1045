// The clients of Service Bus that the triggers of a host share, so that all of its functions have one connection to a namespace.
import { type RetryOptions, ServiceBusClient } from '@azure/service-bus';

/** A client that others may have as well. */
export interface SharedClient {
  readonly client: ServiceBusClient;
  /** Closes it if no other has it. To be called once, when what was received with it is settled and its receivers are closed. */
  release(): Promise<void>;
}

/**
 * A client for each namespace, as the platform's host keeps one. A connection takes a handshake, a login and heartbeats: with one for each
 * function, connecting was most of what the start of an app cost, and a build that follows another found none.
 */
export class ServiceBusClients {
  readonly #held = new Map<string, { readonly client: ServiceBusClient; users: number }>();

  /** @param connection a connection string */
  take(connection: string, retryOptions: RetryOptions): SharedClient {
    const key = JSON.stringify([connection, retryOptions]);
    const held = this.#held.get(key) ?? { client: new ServiceBusClient(connection, { retryOptions }), users: 0 };
    held.users += 1;
    this.#held.set(key, held);
    return {
      client: held.client,
      release: async () => {
        held.users -= 1;
        if (held.users > 0) return;
        this.#held.delete(key);
        await held.client.close();
      },
    };
  }
}
