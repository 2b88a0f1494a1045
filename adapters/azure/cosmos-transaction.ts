// Transactions on Cosmos DB: translates the writes to one transactional batch.
import type { Container } from '@azure/cosmos';
import { withRetry } from '../../core/lib/retry.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { asUnknownOutcome, isPortError, isTransient, PortError } from '../../core/ports/errors.ts';
import type { Version, Write } from '../../core/ports/store.ts';
import { type Item, isExpired, type Operation, partsOf, shownEtag, toItem, versionOf } from './cosmos-items.ts';
import { type CosmosContext, newWrite, readItem, sendBatch } from './cosmos-read.ts';
import { operationError, toPortError } from './errors.ts';

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
  context: CosmosContext,
  partition: string,
  writes: readonly Write[],
): Promise<Versions> {
  const now = context.clock.now();
  const steps = writes.map((write, index) => toStep(context, partition, write, index, now));
  let answerLost = false;
  let settled = false;
  const attempt = async (): Promise<Versions | Refusal> => {
    if (answerLost) {
      const done = await findOwn(context, partition, steps);
      if (done !== undefined) return done;
      if (!isGuarded(steps)) {
        settled = true;
        throw unknownOutcome('to repeat it might undo other writes');
      }
    }
    return send(context.container, partition, steps);
  };
  const again = (error: PortError) => {
    answerLost ||= error.code === 'unknown-outcome';
    return !settled && isTransient(error);
  };
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const result = await withRetry(context, context.retry, attempt, again);
      if (!('failedStep' in result)) return result;
      const done = answerLost ? await findOwn(context, partition, steps) : undefined;
      if (done !== undefined) return done;
      await adjust(context, partition, result, steps.indexOf(result.failedStep));
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
  context: CosmosContext,
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
    const item = toItem({ ...write, partition }, newWrite(context), now);
    if (expected === 'absent') return { write, item, operations: [{ operationType: 'Create', resourceBody: item }] };
    if (expected === 'any') return { write, item, operations: [{ operationType: 'Upsert', resourceBody: item }] };
    return { write, item, operations: [{ operationType: 'Replace', id, resourceBody: item, ...ifMatch }] };
  }
  if (write.kind === 'delete')
    return { write, item: undefined, operations: [{ operationType: 'Delete', id, ...ifMatch }] };
  if (etag === undefined) {
    // The service has no check for absence: an item created and removed within the batch leaves nothing behind.
    const resourceBody = toItem({ partition, id, body: null }, newWrite(context), now);
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
  const answers = await sendBatch(container, partition, operations);
  const failed = answers.findIndex(({ statusCode }) => statusCode >= 400 && statusCode !== FAILED_DEPENDENCY);
  // The index of each step's first result.
  const starts = steps.map((_, index) => steps.slice(0, index).reduce((sum, step) => sum + step.operations.length, 0));
  if (failed < 0)
    return steps.map(({ item }, index) => item && versionOf(answers[starts[index] ?? 0]?.eTag ?? '', item.x));
  const answer = answers[failed] ?? { statusCode: 0 };
  const { statusCode } = answer;
  const error = operationError(answer);
  const failedStep = steps[starts.findLastIndex((start) => start <= failed)];
  if (failedStep === undefined || (error.code !== 'conflict' && error.code !== 'not-found')) throw error;
  return { failedStep, statusCode };
}

/** Adjusts the operations of a step that failed without a real conflict, or throws the conflict. */
async function adjust(
  context: CosmosContext,
  partition: string,
  { failedStep, statusCode }: Refusal,
  index: number,
): Promise<void> {
  const { write, item } = failedStep;
  const { id, expected } = write;
  if (write.kind === 'delete' && expected === 'any') {
    // A missing item counts as deleted.
    failedStep.operations = [];
    return;
  }
  if (expected === 'any' || statusCode === 404) throw conflictAt(index);
  const found = await readItem(context, { partition, id });
  if (expected === 'absent') {
    if (found === undefined) return;
    if (!isExpired(found, context.clock.now())) throw conflictAt(index);
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
async function findOwn(
  context: CosmosContext,
  partition: string,
  steps: readonly Step[],
): Promise<Versions | undefined> {
  const versions: (Version | undefined)[] = [];
  let isOurs = false;
  for (const { write, item } of steps) {
    const found = item && (await readItem(context, { partition, id: write.id }));
    const isOwn = found !== undefined && found.w === item?.w;
    isOurs ||= isOwn;
    versions.push(item && versionOf(isOwn ? shownEtag(found) : item.w, item.x));
  }
  return isOurs ? versions : undefined;
}
