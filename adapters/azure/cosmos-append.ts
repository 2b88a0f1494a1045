// The fast path of ingest on Cosmos DB: bulk creates, each an independent conditional write.
import type { Container } from '@azure/cosmos';
import { mapConcurrently } from '../../core/lib/concurrently.ts';
import type { PortError } from '../../core/ports/errors.ts';
import type { Json } from '../../core/ports/json.ts';
import type { AppendOptions, AppendOutcome, NewDocument } from '../../core/ports/store.ts';
import { appendWith, type Existing } from '../../core/store/append.ts';
import type { OperationAnswer } from './cosmos-client.ts';
import { type Item, isExpired, toItem, toOperations } from './cosmos-items.ts';
import { type CosmosContext, newWrite, readItem } from './cosmos-read.ts';
import { putInContainer } from './cosmos-write.ts';
import { operationError, toPortError } from './errors.ts';

/** The SDK accepts 100 operations per partition range, and splits them by size itself. */
const LIMITS = { operations: 100, concurrentRequests: 4, concurrentReads: 16 } as const;

export function appendToContainer(
  context: CosmosContext,
  documents: readonly NewDocument[],
  how?: AppendOptions,
): Promise<readonly AppendOutcome[]> {
  const { container, clock } = context;
  const service = {
    ...context,
    concurrentRequests: LIMITS.concurrentRequests,
    toRow: (document: NewDocument): Item => toItem(document, newWrite(context), clock.now()),
    toRequests: (rows: readonly Item[]) =>
      Array.from({ length: Math.ceil(rows.length / LIMITS.operations) }, (_, index) =>
        rows.slice(index * LIMITS.operations, (index + 1) * LIMITS.operations),
      ),
    write: (rows: readonly Item[]) => createAll(container, rows),
    readExisting: (rows: readonly Item[], compare: (row: Item, stored: Json) => void) =>
      mapConcurrently(rows, LIMITS.concurrentReads, (row) =>
        existingOf(context, row, (stored) => compare(row, stored)),
      ),
    put: (document: NewDocument) => putInContainer(context, document, 'absent'),
    toPortError,
  };
  return appendWith(service, documents, how);
}

async function createAll(container: Container, items: readonly Item[]): Promise<(PortError | undefined)[]> {
  const operations = items.map((item) => ({
    operationType: 'Create' as const,
    partitionKey: item.p,
    resourceBody: item,
  }));
  try {
    // The items that the service would otherwise return are not needed.
    const options = { contentResponseOnWriteEnabled: false };
    const answers: readonly OperationAnswer[] = await container.items.bulk(toOperations(operations), {}, options);
    return items.map((_, index) => errorOf(answers[index]));
  } catch (error) {
    forgetRanges(container);
    throw toPortError(error);
  }
}

function errorOf(answer: OperationAnswer | undefined): PortError | undefined {
  if (answer?.failure !== undefined) return answer.failure;
  if (answer?.statusCode === 201) return undefined;
  return operationError(answer ?? { statusCode: 0 });
}

/**
 * @azure/cosmos 4.9.3 caches the promise of a container's ranges even if it is rejected (routing/partitionKeyRangeCache.js): after
 * one failed read, no bulk call of the client would ever succeed again.
 */
function forgetRanges(container: Container): void {
  const { partitionKeyRangeCache: cache } = container.items as unknown as {
    partitionKeyRangeCache?: { collectionRoutingMapByCollectionId?: Record<string, unknown> };
  };
  if (cache?.collectionRoutingMapByCollectionId !== undefined) cache.collectionRoutingMapByCollectionId = {};
}

async function existingOf(
  context: CosmosContext,
  { p, id, w }: Item,
  compare: (stored: Json) => void,
): Promise<Existing> {
  const found = await readItem(context, { partition: p, id });
  if (found === undefined) return 'none';
  if (found.w === w) return 'ours';
  if (isExpired(found, context.clock.now())) return 'expired';
  compare(found.b);
  return 'theirs';
}
