// Transactions on Cosmos DB: one transactional batch, in the service's own terms.
import type { Container, OperationResponse } from '@azure/cosmos';
import type { Clock } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { type RetryPolicy, withRetry } from '../../core/ports/retry.ts';
import type { Version, Write } from '../../core/ports/store.ts';
import {
  type FoundItem,
  type Item,
  isExpired,
  type Operation,
  partsOf,
  toItem,
  toOperations,
  versionOf,
} from './cosmos-items.ts';
import { isTransient, operationError, withErrorsKept } from './errors.ts';

export interface TransactionOptions {
  readonly container: Container;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
  readonly newWrite: () => string;
  readonly read: (id: string) => Promise<FoundItem | undefined>;
}

/** A write of the transaction and the operations that stand for it; the last one's answer is the write's. */
interface Step {
  readonly write: Write;
  readonly item: Item | undefined;
  operations: readonly Operation[];
}

/** 424: this operation was not to blame. */
const FAILED_DEPENDENCY = 424;

/** Rounds of one transaction: each mends one operation that found an expired item, or none where it wanted to delete. */
const ROUNDS = 101;

/** Does all writes or none. A batch that is answered with a conflict after a lost answer may have been ours: the items tell. */
export async function transactInContainer(
  options: TransactionOptions,
  partition: string,
  writes: readonly Write[],
): Promise<readonly (Version | undefined)[]> {
  const now = options.clock.now();
  const steps = writes.map((write, index) => toStep(options, partition, write, index, now));
  let answerLost = false;
  let settled = false;
  const again = (error: PortError) => {
    answerLost ||= error.code === 'unknown-outcome';
    return !settled && isTransient(error);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const active = steps.filter(({ operations }) => operations.length > 0);
    if (active.length === 0) return steps.map(() => undefined);
    const result = await withRetry(options, options.retry, () => send(options.container, partition, active), again);
    if (result.failedStep === undefined) return steps.map((step) => versionFrom(step, active, result.responses));
    if (answerLost) {
      settled = true;
      const done = await findOwn(options, steps);
      if (done !== undefined) return done;
    }
    await mend(options, result.failedStep, result.statusCode, steps.indexOf(result.failedStep));
  }
  throw new PortError('unavailable', 'The documents of the transaction kept appearing and vanishing.');
}

function toStep(
  { newWrite }: TransactionOptions,
  partition: string,
  write: Write,
  index: number,
  now: ReturnType<Clock['now']>,
): Step {
  const { id, expected } = write;
  const conflict = () => new PortError('conflict', `${id} has expired.`, { failedWrite: index });
  const version = expected === 'any' || expected === 'absent' ? undefined : partsOf(expected);
  if (version?.x !== undefined && isExpired({ x: version.x }, now)) throw conflict();
  const ifMatch = version === undefined ? {} : { ifMatch: version.etag };
  if (write.kind === 'put') {
    const item = toItem({ ...write, partition }, newWrite(), now);
    const resourceBody = item;
    if (expected === 'absent') return { write, item, operations: [{ operationType: 'Create', resourceBody }] };
    if (expected === 'any') return { write, item, operations: [{ operationType: 'Upsert', resourceBody }] };
    return { write, item, operations: [{ operationType: 'Replace', id, resourceBody, ...ifMatch }] };
  }
  if (write.kind === 'delete')
    return { write, item: undefined, operations: [{ operationType: 'Delete', id, ...ifMatch }] };
  if (expected === 'absent') {
    // The service has no check for absence: an item that is made and removed within the batch leaves nothing behind.
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
  // Nor one for a version: a change that says nothing, on condition of the etag.
  const operations = [{ op: 'set' as const, path: '/k', value: 0 }];
  return {
    write,
    item: undefined,
    operations: [{ operationType: 'Patch', id, resourceBody: { operations }, ...ifMatch }],
  };
}

interface BatchResult {
  readonly responses: readonly OperationResponse[];
  readonly failedStep?: Step;
  readonly statusCode: number;
}

async function send(container: Container, partition: string, steps: readonly Step[]): Promise<BatchResult> {
  const operations = steps.flatMap((step) => step.operations);
  const { result = [] } = await withErrorsKept(() => container.items.batch(toOperations(operations), partition));
  const failed = result.findIndex(({ statusCode }) => statusCode >= 400 && statusCode !== FAILED_DEPENDENCY);
  if (failed < 0) return { responses: result, statusCode: 200 };
  const statusCode = result[failed]?.statusCode ?? 0;
  const error = operationError(statusCode, undefined);
  if (error.code !== 'conflict' && error.code !== 'not-found') throw error;
  let index = failed;
  const failedStep = steps.find((step) => {
    index -= step.operations.length;
    return index < 0;
  });
  return failedStep === undefined ? { responses: result, statusCode } : { responses: result, statusCode, failedStep };
}

/** Changes the operations of a step that failed for a reason which is no conflict, or throws the conflict. */
async function mend(options: TransactionOptions, step: Step, statusCode: number, failedWrite: number): Promise<void> {
  const { write, item } = step;
  if (write.kind === 'delete' && write.expected === 'any' && statusCode === 404) {
    step.operations = [];
    return;
  }
  const conflict = new PortError('conflict', `The condition of write ${failedWrite} did not hold.`, { failedWrite });
  if (write.expected !== 'absent') throw conflict;
  const found = await options.read(write.id);
  if (found === undefined) return;
  if (!isExpired(found, options.clock.now())) throw conflict;
  const ifMatch = found._etag;
  step.operations =
    item === undefined
      ? [{ operationType: 'Delete', id: write.id, ifMatch }]
      : [{ operationType: 'Replace', id: write.id, resourceBody: item, ifMatch }];
}

/** After a lost answer: whether the transaction had happened, by any item that it put. */
async function findOwn(
  { read }: TransactionOptions,
  steps: readonly Step[],
): Promise<(Version | undefined)[] | undefined> {
  const versions: (Version | undefined)[] = [];
  for (const { write, item } of steps) {
    const found = item === undefined ? undefined : await read(write.id);
    if (item !== undefined && found?.w !== item.w) return undefined;
    versions.push(found && versionOf(found._etag, found.x));
  }
  return steps.some(({ item }) => item !== undefined) ? versions : undefined;
}

function versionFrom(
  step: Step,
  active: readonly Step[],
  responses: readonly OperationResponse[],
): Version | undefined {
  if (!active.includes(step) || step.write.kind === 'delete') return undefined;
  let last = -1;
  for (const each of active) {
    last += each.operations.length;
    if (each === step) break;
  }
  const etag = responses[last]?.eTag;
  const x =
    step.item?.x ??
    (step.write.kind === 'check' && step.write.expected !== 'absent' ? partsOf(step.write.expected).x : undefined);
  return etag === undefined || (step.write.kind === 'check' && step.write.expected === 'absent')
    ? undefined
    : versionOf(etag, x);
}
