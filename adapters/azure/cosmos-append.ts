// The fast path of ingest on Cosmos DB: bulk creates, each a conditional write of its own.
import type { Container, OperationResponse } from '@azure/cosmos';
import type { Clock } from '../../core/ports/clock.ts';
import { isPortError, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { Backoff, type RetryPolicy } from '../../core/ports/retry.ts';
import type { AppendOutcome, Key, NewDocument, Version } from '../../core/ports/store.ts';
import { type FoundItem, type Item, isExpired, toItem, toOperations } from './cosmos-items.ts';
import { isTransient, operationError, toPortError, withErrorsKept } from './errors.ts';

/** The SDK sends at most 100 operations to a partition range in one request, and cuts them by size itself. */
const LIMITS = { operations: 100, concurrentCalls: 4, concurrentReads: 16 } as const;

export interface AppendOptions {
  readonly container: Container;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
  readonly newWrite: () => string;
  readonly read: (key: Key) => Promise<FoundItem | undefined>;
  /** Writes a document over one that has expired, and conflicts with any other. */
  readonly put: (document: NewDocument) => Promise<Version>;
}

interface Pending {
  readonly document: NewDocument;
  readonly item: Item;
  outcome?: AppendOutcome;
}

/**
 * Appends documents. A create that finds an item fails alone; whether that item was there before, is our own (the answer to an
 * earlier try was lost) or has expired is read from the container, so `duplicate` is exact.
 */
export async function appendToContainer(
  options: AppendOptions,
  documents: readonly NewDocument[],
): Promise<readonly AppendOutcome[]> {
  const byKey = new Map<string, Pending>();
  const now = options.clock.now();
  const all = documents.map((document): Pending => {
    const pending: Pending = { document, item: toItem(document, options.newWrite(), now) };
    const key = `${document.partition}\u0000${document.id}`;
    if (byKey.has(key)) pending.outcome = { status: 'duplicate' };
    else byKey.set(key, pending);
    return pending;
  });
  const unique = [...byKey.values()];
  const chunks = Array.from({ length: Math.ceil(unique.length / LIMITS.operations) }, (_, index) =>
    unique.slice(index * LIMITS.operations, (index + 1) * LIMITS.operations),
  );
  await inLanes(chunks, LIMITS.concurrentCalls, (chunk) => create(options, chunk));
  return all.map(
    ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The document was not reached.') },
  );
}

/** Creates up to 100 items; what was throttled or not answered is tried again alone, within the budget. */
async function create(options: AppendOptions, chunk: readonly Pending[]): Promise<void> {
  const backoff = new Backoff(options, options.retry);
  let open = [...chunk];
  for (;;) {
    let lastError: PortError | undefined;
    try {
      const responses = await bulk(options.container, open);
      const taken: Pending[] = [];
      for (const [index, pending] of open.entries()) {
        const response = responses[index];
        const statusCode = response?.statusCode ?? 0;
        if (statusCode === 201) {
          pending.outcome = { status: 'stored' };
          continue;
        }
        const { retryAfterMilliseconds } = (response ?? {}) as { retryAfterMilliseconds?: number };
        const error = operationError(statusCode, retryAfterMilliseconds);
        if (error.code === 'conflict') taken.push(pending);
        else if (isTransient(error)) lastError = error;
        else pending.outcome = { status: 'failed', error };
      }
      await inLanes(taken, LIMITS.concurrentReads, (pending) => settleTaken(options, pending));
    } catch (error) {
      lastError = toPortError(error);
      if (!isTransient(lastError))
        for (const pending of open) pending.outcome ??= { status: 'failed', error: lastError };
    }
    open = open.filter((pending) => pending.outcome === undefined);
    if (open.length === 0) return;
    if (!(await backoff.pause(lastError?.retryAfterMs))) {
      const error = lastError ?? new PortError('unavailable', 'The documents kept appearing and vanishing.');
      for (const pending of open) pending.outcome = { status: 'failed', error };
      return;
    }
  }
}

async function bulk(container: Container, open: readonly Pending[]): Promise<readonly OperationResponse[]> {
  const operations = toOperations(
    open.map(({ item }) => ({ operationType: 'Create', partitionKey: item.p, resourceBody: item })),
  );
  return withErrorsKept(() => container.items.bulk(operations, { continueOnError: true }));
}

/** Tells apart who stands where a create wanted to go. What has vanished meanwhile stays without an outcome and is tried again. */
async function settleTaken(options: AppendOptions, pending: Pending): Promise<void> {
  const found = await options.read(pending.document);
  if (found === undefined) return;
  if (found.w === pending.item.w) pending.outcome = { status: 'stored' };
  else if (!isExpired(found, options.clock.now())) pending.outcome = { status: 'duplicate' };
  else pending.outcome = await replaceExpired(options, pending.document);
}

async function replaceExpired(options: AppendOptions, document: NewDocument): Promise<AppendOutcome> {
  try {
    await options.put(document);
    return { status: 'stored' };
  } catch (error) {
    if (isPortError(error, 'conflict')) return { status: 'duplicate' };
    return { status: 'failed', error: toPortError(error) };
  }
}

async function inLanes<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}
