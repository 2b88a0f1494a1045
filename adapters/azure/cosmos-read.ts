// The lowest layer of the store on Cosmos DB: reads one item, expired or not, and sends transactional batches.
import type { Container } from '@azure/cosmos';
import { type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isTransient, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Key } from '../../core/ports/store.ts';
import type { OperationAnswer } from './cosmos-client.ts';
import { type FoundItem, type Operation, toOperations } from './cosmos-items.ts';
import { operationError, toPortError, toReadError } from './errors.ts';

/** What all operations on a container need. */
export interface CosmosContext {
  readonly container: Container;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
}

/** 404 with this substatus: the container or database is missing, not the item. */
export const OWNER_NOT_FOUND = 1003;

/** 64 random bits that identify a write. */
const WRITE_CHARACTERS = 16;

/**
 * Ids that a URL can contain unchanged. The SDK and intermediaries refuse, trim or resolve others (` `, `..`), so those are sent only
 * in the bodies of batches.
 */
const ADDRESSABLE = /^(?!\.{1,2}$)[\w.~!$&'()*+,;=:@|-]+$/;

export const isAddressable = (id: string): boolean => ADDRESSABLE.test(id);

export const newWrite = ({ ids }: CosmosContext): string => ids.next().slice(0, WRITE_CHARACTERS);

/** The item, expired or not. */
export function readItem(context: CosmosContext, { partition, id }: Key): Promise<FoundItem | undefined> {
  const { container } = context;
  const read = async () => {
    if (!isAddressable(id)) return readInBatch(container, partition, id);
    const response = await container.item(id, partition).read<FoundItem>().catch(throwReadError);
    if (response.resource === undefined && response.substatus === OWNER_NOT_FOUND)
      throw new PortError('not-found', `There is no container ${container.id}.`);
    return response.resource;
  };
  return withRetry(context, context.retry, read, isTransient);
}

/** Reads an item whose id cannot be part of a URL. */
async function readInBatch(container: Container, partition: string, id: string): Promise<FoundItem | undefined> {
  try {
    const [answer] = await sendBatch(container, partition, [{ operationType: 'Read', id }]);
    const { statusCode = 0, resourceBody } = answer ?? {};
    if (statusCode === 200) return resourceBody as unknown as FoundItem;
    if (statusCode === 404) return undefined;
    throw operationError({ statusCode });
  } catch (error) {
    throw toReadError(error);
  }
}

/** Sends operations as one transactional batch; one answer for each. */
export async function sendBatch(
  container: Container,
  partition: string,
  operations: readonly Operation[],
): Promise<readonly OperationAnswer[]> {
  const { result = [] } = await container.items.batch(toOperations(operations), partition).catch((error: unknown) => {
    throw toPortError(error);
  });
  const answers: readonly OperationAnswer[] = result;
  if (answers[0]?.failure !== undefined) throw answers[0].failure;
  if (answers.length !== operations.length)
    throw new PortError('unknown-outcome', 'The service answered for another number of operations.');
  return answers;
}

export function throwReadError(error: unknown): never {
  throw toReadError(error);
}
