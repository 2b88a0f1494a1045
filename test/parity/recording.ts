// What a recorded day is made of: requests with their callers, faults, and points at which a tenant's state must be complete.
import type { TokenOptions } from '../support/cell-harness.ts';
import { asEvent, type TestReading } from '../support/readings.ts';

/** Who calls: the claims of the route token, the same for both cells but for the cell itself. */
export interface Caller extends TokenOptions {
  readonly tenant: string;
}

export interface RequestStep {
  readonly kind: 'request';
  /** The kind of request, by which the report counts. */
  readonly group: string;
  /** Names the request in the report and in the list of allowed differences. */
  readonly name: string;
  readonly method: string;
  /** As it goes over the wire. `{name.next}` and `{name.items.0.id}` stand for parts of a remembered answer. */
  readonly path: string;
  /** A list is sent as one line for each of its values. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array;
  readonly chunked: boolean;
  /** `null` sends no token. */
  readonly caller: Caller | null;
  /** Later requests may refer to this answer. */
  readonly remember: string | undefined;
  /** Follows `next` to the last page; every page is an answer. */
  readonly pages: boolean;
  /**
   * Repeated while the cell answers 503, as a patient client does; the last answer counts. True unless the 503 is what
   * the step is for: a busy machine may cause one at any time.
   */
  readonly patient: boolean;
}

/** Faults and other doings around the cell. */
export type Deed =
  | 'release healthy'
  | 'release faulty'
  | 'kill workers'
  | 'store throttles'
  | 'store fails some entries'
  | 'store goes down'
  | 'store comes up'
  | 'bus throttles'
  | 'bus goes down'
  | 'bus comes up';

export interface DeedStep {
  readonly kind: 'deed';
  readonly deed: Deed;
}

/** Waits until the consumers have applied so many readings of the tenant, and parked so many. */
export interface SettleStep {
  readonly kind: 'settle';
  readonly tenant: string;
  readonly readings: number;
  readonly parked: number;
}

export type Step = RequestStep | DeedStep | SettleStep;

export interface RequestOptions {
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly chunked?: boolean;
  readonly remember?: string;
  readonly pages?: boolean;
  readonly patient?: boolean;
}

/** One request of the day. */
export const ask = (
  group: string,
  caller: Caller | null,
  method: string,
  path: string,
  { name, headers = {}, body = '', chunked = false, remember, pages = false, patient = true }: RequestOptions = {},
): RequestStep => ({
  kind: 'request',
  group,
  name: name ?? `${method} ${path}`,
  method,
  path,
  headers,
  body,
  chunked,
  caller,
  remember,
  pages,
  patient,
});

export const deed = (what: Deed): DeedStep => ({ kind: 'deed', deed: what });

export const settle = (tenant: string, readings: number, parked = 0): SettleStep => ({
  kind: 'settle',
  tenant,
  readings,
  parked,
});

export const TYPES = {
  one: 'application/cloudevents+json',
  batch: 'application/cloudevents-batch+json',
  binary: 'application/json',
} as const;

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** Posts whatever it is given as a structured event. */
export const post = (group: string, caller: Caller | null, body: unknown, options: RequestOptions = {}): RequestStep =>
  ask(group, caller, 'POST', '/v1/events', {
    ...options,
    headers: { 'content-type': Array.isArray(body) ? TYPES.batch : TYPES.one, ...options.headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });

/** An event of a reading, in a trace of its own. */
export const event = (reading: TestReading, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  ...asEvent(reading),
  traceparent: TRACEPARENT,
  ...more,
});

/** Numbers from 0 to below 1, the same ones for the same seed (xorshift32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x1_0000_0000;
  };
}
