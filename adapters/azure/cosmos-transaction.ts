// Transactions on Cosmos DB: translates the writes to one transactional batch.
import type { Container } from '@azure/cosmos';
import { type RetryPolicy, withRetry } from '../../core/lib/retry.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { asUnknownOutcome, isPortError, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Version, Write } from '../../core/ports/store.ts';
import type { OperationAnswer } from './cosmos-client.ts';
import {
  type FoundItem,
  type Item,
  isExpired,
  type Operation,
  partsOf,
  shownEtag,
  toItem,
  toOperations,
  versionOf,
} from './cosmos-items.ts';
import { isTransient, operationError, toPortError, toReadError } from './errors.ts';

export interface TransactionOptions {
  readonly container: Container;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
  readonly newWrite: () => string;
  readonly read: (id: string) => Promise<FoundItem | undefined>;
}

/** A write of the transaction and its operations; the result of the last operation is that of the write. */
interface Step {
  readonly write: Write;
  /** The item of a put. */
  readonly item: Item | undefined;
  operations: readonly Operation[];
}

type Versions = readonly (Version | undefined)[];

/** https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch */
const MAXIMUM_OPERATIONS = 100;

/** 424: another operation of the batch failed. */
const FAILED_DEPENDENCY = 424;

/** Rounds of one transaction: each adjusts one operation for an expired or touched item, or for a missing item to delete. */
const ROUNDS = 2 * MAXIMUM_OPERATIONS;

/**
 * Applies all writes or none. A check of absence takes two operations, so with such checks fewer than 100 writes fit. Before a batch
 * whose answer was lost is sent again, the items are read to determine whether it was applied.
 */
export async function transactInContainer(
  options: TransactionOptions,
  partition: string,
  writes: readonly Write[],
): Promise<Versions> {
  const now = options.clock.now();
  const steps = writes.map((write, index) => toStep(options, partition, write, index, now));
  let answerLost = false;
  let settled = false;
  const attempt = async (): Promise<Versions | Refusal> => {
    if (answerLost) {
      const done = await findOwn(options, steps);
      if (done !== undefined) return done;
      if (!isGuarded(steps)) {
        settled = true;
        throw unknownOutcome('to repeat it might undo other writes');
      }
    }
    return send(options.container, partition, steps);
  };
  const again = (error: PortError) => {
    answerLost ||= error.code === 'unknown-outcome';
    return !settled && isTransient(error);
  };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const result = await withRetry(options, options.retry, attempt, again);
      if (!('failedStep' in result)) return result;
      const done = answerLost ? await findOwn(options, steps) : undefined;
      if (done !== undefined) return done;
      await adjust(options, result, steps.indexOf(result.failedStep));
    }
  } catch (error) {
    if (answerLost && isPortError(error, 'conflict')) throw unknownOutcome('other writes have followed', error);
    throw asUnknownOutcome(toPortError(error), answerLost);
  }
  throw new PortError('unavailable', 'The documents of the transaction kept appearing and vanishing.');
}

const unknownOutcome = (why: string, cause?: unknown): PortError =>
  new PortError('unknown-outcome', `The answer to the transaction was lost, and ${why}.`, { cause });

function toStep(
  { newWrite }: TransactionOptions,
  partition: string,
  write: Write,
  index: number,
  now: ReturnType<Clock['now']>,
): Step {
  const { id, expected } = write;
  const { etag, x } =
    expected === 'any' || expected === 'absent' ? { etag: undefined, x: undefined } : partsOf(expected);
  if (x !== undefined && isExpired({ x }, now)) throw conflictAt(index);
  const ifMatch = etag === undefined ? {} : { ifMatch: etag };
  if (write.kind === 'put') {
    const item = toItem({ ...write, partition }, newWrite(), now);
    if (expected === 'absent') return { write, item, operations: [{ operationType: 'Create', resourceBody: item }] };
    if (expected === 'any') return { write, item, operations: [{ operationType: 'Upsert', resourceBody: item }] };
    return { write, item, operations: [{ operationType: 'Replace', id, resourceBody: item, ...ifMatch }] };
  }
  if (write.kind === 'delete')
    return { write, item: undefined, operations: [{ operationType: 'Delete', id, ...ifMatch }] };
  if (etag === undefined) {
    // The service has no check for absence: an item created and removed within the batch leaves nothing behind.
    const resourceBody = toItem({ partition, id, body: null }, newWrite(), now);
    return {
      write,
      item: undefined,
      operations: [
        { operationType: 'Create', resourceBody },
        { operationType: 'Delete', id },
      ],
    };
  }
  return { write, item: undefined, operations: [touch(id, etag, etag)] };
}

/**
 * Checks a version. The service ignores conditions of reads within a batch
 * (https://github.com/Azure/azure-cosmos-dotnet-v3/issues/1581), so the item is rewritten with the version that it keeps showing.
 */
const touch = (id: string, shown: string, ifMatch: string): Operation => ({
  operationType: 'Patch',
  id,
  resourceBody: { operations: [{ op: 'set', path: '/v', value: shown }] },
  ifMatch,
});

const conflictAt = (failedWrite: number): PortError =>
  new PortError('conflict', `The condition of write ${failedWrite} did not hold.`, { failedWrite });

/** Whether the service refuses a repetition of the applied batch; it does not if the batch consists of unconditional puts. */
const isGuarded = (steps: readonly Step[]): boolean =>
  steps.every(({ write }) => write.kind !== 'put' || write.expected !== 'any') ||
  steps.some(({ write }) => write.kind !== 'check' && write.expected !== 'any');

/** The condition of a step's operation failed. */
interface Refusal {
  readonly failedStep: Step;
  readonly statusCode: number;
}

async function send(container: Container, partition: string, steps: readonly Step[]): Promise<Versions | Refusal> {
  const operations = steps.flatMap((step) => step.operations);
  if (operations.length === 0) return steps.map(() => undefined);
  if (operations.length > MAXIMUM_OPERATIONS)
    throw new PortError('too-large', `The transaction takes ${operations.length} operations of ${MAXIMUM_OPERATIONS}.`);
  const answers = await answersOf(container, partition, operations);
  const failed = answers.findIndex(({ statusCode }) => statusCode >= 400 && statusCode !== FAILED_DEPENDENCY);
  // The index of each step's first result.
  const starts = steps.map((_, index) => steps.slice(0, index).reduce((sum, step) => sum + step.operations.length, 0));
  if (failed < 0)
    return steps.map(({ item }, index) => item && versionOf(answers[starts[index] ?? 0]?.eTag ?? '', item.x));
  const statusCode = answers[failed]?.statusCode ?? 0;
  const error = operationError(statusCode);
  const failedStep = steps[starts.findLastIndex((start) => start <= failed)];
  if (failedStep === undefined || (error.code !== 'conflict' && error.code !== 'not-found')) throw error;
  return { failedStep, statusCode };
}

async function answersOf(
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

/** Adjusts the operations of a step that failed without a real conflict, or throws the conflict. */
async function adjust(options: TransactionOptions, { failedStep, statusCode }: Refusal, index: number): Promise<void> {
  const { write, item } = failedStep;
  const { id, expected } = write;
  if (write.kind === 'delete' && expected === 'any') {
    // A missing item counts as deleted.
    failedStep.operations = [];
    return;
  }
  if (expected === 'any' || statusCode === 404) throw conflictAt(index);
  const found = await options.read(id);
  if (expected === 'absent') {
    if (found === undefined) return;
    if (!isExpired(found, options.clock.now())) throw conflictAt(index);
    const ifMatch = found._etag;
    failedStep.operations =
      item === undefined
        ? [{ operationType: 'Delete', id, ifMatch }]
        : [{ operationType: 'Replace', id, resourceBody: item, ifMatch }];
    return;
  }
  const { etag } = partsOf(expected);
  if (found === undefined || shownEtag(found) !== etag) throw conflictAt(index);
  failedStep.operations =
    write.kind === 'check'
      ? [touch(id, etag, found._etag)]
      : failedStep.operations.map((operation) => ({ ...operation, ifMatch: found._etag }));
}

/**
 * After a lost answer: the versions, if any item that the transaction put exists. A put followed by another write gets a version that
 * no longer matches anything.
 */
async function findOwn({ read }: TransactionOptions, steps: readonly Step[]): Promise<Versions | undefined> {
  const versions: (Version | undefined)[] = [];
  let isOurs = false;
  for (const { write, item } of steps) {
    const found = item && (await read(write.id));
    const isOwn = found !== undefined && found.w === item?.w;
    isOurs ||= isOwn;
    versions.push(item && versionOf(isOwn ? shownEtag(found) : item.w, item.x));
  }
  return isOurs ? versions : undefined;
}

/** Reads an item whose id cannot be part of a URL. */
export async function readInBatch(container: Container, partition: string, id: string): Promise<FoundItem | undefined> {
  try {
    const [answer] = await answersOf(container, partition, [{ operationType: 'Read', id }]);
    const { statusCode = 0, resourceBody } = answer ?? {};
    if (statusCode === 200) return resourceBody as unknown as FoundItem;
    if (statusCode === 404) return undefined;
    throw operationError(statusCode);
  } catch (error) {
    throw toReadError(error);
  }
}
