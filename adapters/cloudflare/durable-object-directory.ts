// The client of the directory: calls the single Durable Object that keeps it.

import type { Directory } from '../../core/edge/ports/directory.ts';
import { type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import { withTimeout } from '../../core/lib/timeout.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { toObjectError } from './errors.ts';

/** The name of the one object. */
export const DIRECTORY_NAME = 'directory';

/** The result of a call to an object. Errors lose their class in transit, so a port error is sent as a value. */
export type Answer<T> =
  | { readonly value: T }
  | { readonly error: { readonly code: ErrorCode; readonly message: string } };

/** The directory's methods as the object offers them. */
export type DirectoryStub = {
  [M in keyof Directory]: (...args: Parameters<Directory[M]>) => Promise<Answer<Awaited<ReturnType<Directory[M]>>>>;
};

/** Turns the outcome of `work` into an answer. Errors other than port errors are thrown. */
export async function answer<T>(work: Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work };
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

/** Timeout of one call: long enough for an object that must start on another continent. */
export const DIRECTORY_TIMEOUT_MS = 2000;

/** An object that is being moved answers at the second or third attempt. */
const READING: RetryPolicy = { attempts: 3, baseMs: 20, maximumMs: 100, budgetMs: DIRECTORY_TIMEOUT_MS };

export interface DurableObjectDirectoryOptions {
  /** Creates a stub. A failed stub may be broken permanently, so each call uses a new one. */
  readonly stub: () => DirectoryStub;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly timeoutMs?: number;
}

export class DurableObjectDirectory implements Directory {
  readonly #options: DurableObjectDirectoryOptions;

  constructor(options: DurableObjectDirectoryOptions) {
    this.#options = options;
  }

  lookup: Directory['lookup'] = (tenant) => this.#read((stub) => stub.lookup(tenant));

  cells: Directory['cells'] = () => this.#read((stub) => stub.cells());

  tenants: Directory['tenants'] = (query) => this.#read((stub) => stub.tenants(query));

  audit: Directory['audit'] = (query) => this.#read((stub) => stub.audit(query));

  /** A repetition only records a later end. */
  lease: Directory['lease'] = (request) => this.#read((stub) => stub.lease(request));

  /** Never retried here: the second answer would be `unchanged` or `changed_meanwhile` after a successful first attempt. */
  change: Directory['change'] = (command, intent) => this.#call(true, (stub) => stub.change(command, intent));

  #read<T>(call: (stub: DirectoryStub) => Promise<Answer<T>>): Promise<T> {
    return withRetry(
      this.#options,
      { ...READING, budgetMs: this.#options.timeoutMs ?? READING.budgetMs },
      () => this.#call(false, call),
      ({ code }) => code === 'unavailable',
    );
  }

  async #call<T>(isChange: boolean, call: (stub: DirectoryStub) => Promise<Answer<T>>): Promise<T> {
    const { stub, clock, timeoutMs = DIRECTORY_TIMEOUT_MS } = this.#options;
    const late = () =>
      new PortError(
        isChange ? 'unknown-outcome' : 'unavailable',
        `The directory has not answered within ${timeoutMs} ms.`,
      );
    let result: Answer<T>;
    try {
      result = await withTimeout(clock, timeoutMs, call(stub()), late);
    } catch (error) {
      throw toObjectError(error, isChange);
    }
    if ('error' in result) throw new PortError(result.error.code, result.error.message);
    return result.value;
  }
}
