// Faults that a test can order: which requests they strike, how often, and what happens to those.
import { CosmosError, rangeGone, throttled } from './errors.ts';

/** Kinds of request that a fault can be aimed at. */
export const OPERATIONS = [
  'account',
  'database',
  'container',
  'offer',
  'ranges',
  'create',
  'upsert',
  'read',
  'replace',
  'patch',
  'delete',
  'batch',
  'bulk',
  'query',
  'query-plan',
  'change-feed',
  'read-feed',
  'delete-partition-key',
  'other',
] as const;

/** A kind of request. */
export type Operation = (typeof OPERATIONS)[number];

/** An ordered fault. Every condition given must hold for a request to be struck. */
export interface FaultRule {
  /** Only these kinds of request; default all. */
  readonly operation?: Operation | readonly Operation[];
  readonly database?: string;
  readonly container?: string;
  /** Only requests for this document id (read, replace, patch, delete). */
  readonly itemId?: string;
  /** Only requests with this partition key header, as JSON: `["a"]`. */
  readonly partitionKey?: string;
  readonly rangeId?: string;
  /** Let this many matching requests pass first; default 0. */
  readonly skip?: number;
  /** Strike this many requests; default 1; `Infinity` (`"always"` over HTTP) never wears off. */
  readonly count?: number;
  /** Wait this long before doing anything else. */
  readonly latencyMs?: number;
  /** Answer with this status: 429, 449, 503, 410... */
  readonly status?: number;
  readonly substatus?: number;
  readonly retryAfterMs?: number;
  readonly message?: string;
  /** Break the connection without an answer. */
  readonly drop?: boolean;
  /** Apply the request before failing: the client cannot know that it happened. */
  readonly afterApplying?: boolean;
}

/** A fault as it is listed. */
export interface ActiveFault {
  readonly id: string;
  readonly rule: FaultRule;
  readonly seen: number;
  readonly struck: number;
}

/** What a request shows of itself to be matched. */
export interface Target {
  readonly operation: Operation;
  readonly database: string | undefined;
  readonly container: string | undefined;
  readonly itemId: string | undefined;
  readonly partitionKey: string | undefined;
  readonly rangeId: string | undefined;
}

/** The ordered faults of an emulator. */
export class Faults {
  readonly #active = new Map<string, { rule: FaultRule; seen: number; struck: number }>();
  #serial = 0;

  /** Orders a fault; returns its id. */
  add(rule: FaultRule): string {
    this.#serial += 1;
    const id = `fault-${this.#serial}`;
    this.#active.set(id, { rule, seen: 0, struck: 0 });
    return id;
  }

  /** Cancels one fault, or all. */
  clear(id?: string): void {
    if (id === undefined) this.#active.clear();
    else this.#active.delete(id);
  }

  /** Ordered faults, worn-off ones included until they are cleared. */
  list(): ActiveFault[] {
    return [...this.#active].map(([id, { rule, seen, struck }]) => ({ id, rule, seen, struck }));
  }

  /** The first fault that strikes a request; counts it. */
  strike(target: Target): FaultRule | undefined {
    if (this.#active.size === 0) return undefined;
    for (const entry of this.#active.values()) {
      const { rule } = entry;
      if (!matches(rule, target) || entry.struck >= (rule.count ?? 1)) continue;
      entry.seen += 1;
      if (entry.seen <= (rule.skip ?? 0)) continue;
      entry.struck += 1;
      return rule;
    }
    return undefined;
  }
}

function matches(rule: FaultRule, target: Target): boolean {
  const { operation } = rule;
  const operations = operation === undefined || typeof operation === 'string' ? operation : [...operation];
  if (
    Array.isArray(operations)
      ? !operations.includes(target.operation)
      : (operations ?? target.operation) !== target.operation
  ) {
    return false;
  }
  const pairs = [
    [rule.database, target.database],
    [rule.container, target.container],
    [rule.itemId, target.itemId],
    [rule.partitionKey, target.partitionKey],
    [rule.rangeId, target.rangeId],
  ];
  return pairs.every(([wanted, actual]) => wanted === undefined || wanted === actual);
}

/** The error a fault answers with, or undefined when it only delays or breaks the connection. */
export function errorOf(rule: FaultRule): CosmosError | undefined {
  const { status, substatus, retryAfterMs, message } = rule;
  if (status === undefined) return undefined;
  if (status === 429 && message === undefined) return throttled(retryAfterMs ?? 10);
  if (status === 410 && substatus === undefined && message === undefined) return rangeGone();
  return new CosmosError(status, message ?? `Injected fault with status ${status}.`, {
    ...(substatus === undefined ? {} : { substatus }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
