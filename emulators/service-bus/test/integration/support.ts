// What the tests of the Service Bus emulator share: an emulator, a client that never waits long, and ways to wait.
import {
  ServiceBusAdministrationClient,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type ServiceBusReceivedMessage,
} from '@azure/service-bus';
import { DEVELOPMENT_CERTIFICATE } from '../../certificate.ts';
import { ServiceBusEmulator, type ServiceBusEmulatorOptions } from '../../emulator.ts';

/** For one answer, in milliseconds. It finds what hangs and judges nothing: a machine may be slow. */
export const PATIENCE_MS = 120_000;

/** Failing at once shows what the server said; the defaults hide it behind 30-second retries. */
const QUICK = { maxRetries: 0, retryDelayInMs: 0, timeoutInMs: PATIENCE_MS };

export interface Harness {
  readonly emulator: ServiceBusEmulator;
  readonly connectionString: string;
  readonly client: ServiceBusClient;
  readonly admin: ServiceBusAdministrationClient;
  /** A further client, closed with the harness. */
  connect(options?: ServiceBusClientOptions): ServiceBusClient;
  close(): Promise<void>;
}

/** Starts an emulator and connects clients to it. */
export async function openHarness(options: ServiceBusEmulatorOptions = {}): Promise<Harness> {
  const emulator = new ServiceBusEmulator(options);
  const { connectionString } = await emulator.start();
  const clients: ServiceBusClient[] = [];
  const connect = (clientOptions: ServiceBusClientOptions = {}): ServiceBusClient => {
    const client = new ServiceBusClient(connectionString, { retryOptions: QUICK, ...clientOptions });
    clients.push(client);
    return client;
  };
  return {
    emulator,
    connectionString,
    client: connect(),
    admin: adminClient(connectionString),
    connect,
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await emulator.stop();
    },
  };
}

/** An administration client that trusts the emulator's certificate. */
export function adminClient(connectionString: string): ServiceBusAdministrationClient {
  return new ServiceBusAdministrationClient(connectionString, {
    tlsOptions: { ca: DEVELOPMENT_CERTIFICATE.cert },
    retryOptions: { maxRetries: 0 },
  });
}

/** The first of the messages; fails if there is none. */
export function first(messages: readonly ServiceBusReceivedMessage[]): ServiceBusReceivedMessage {
  const [message] = messages;
  if (message === undefined) throw new Error('no message was received');
  return message;
}

/** A promise and the functions that settle it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** The code of the error that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
  }
  return 'it succeeded';
}

/** The text of the error that a promise rejects with. */
export async function textOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'it succeeded';
}

/** Lets the event loop turn until a condition holds; the test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
