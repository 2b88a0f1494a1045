// Handlers of requests with many operations: transactional batches and bulk.
import { readCharge, replaceCharge, writeCharge } from '../charge.ts';
import { DocumentOperations, type Outcome } from '../documents.ts';
import { badRequest, CosmosError, rangeGone, tooLarge } from '../errors.ts';
import type { KeyComponent } from '../hash/epk.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_OPERATIONS } from '../limits.ts';
import { parseKeyHeader, sameKey } from '../partition-key.ts';
import type { Container } from '../store/container.ts';
import { type Exchange, header, isTrue, jsonBody, type Reply, reply } from './exchange.ts';
import { conditionTest, dataHeaders, headerKey, openContainer, rangeOf, requiredKey } from './items.ts';
import type { Services } from './services.ts';

interface Operation {
  readonly type: string;
  readonly id: string;
  readonly body: Json | undefined;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly partitionKey: string | undefined;
}

interface Result {
  readonly status: number;
  readonly substatus: number;
  readonly charge: number;
  readonly etag: string | undefined;
  readonly text: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly message: string | undefined;
}

/** `POST .../docs` with a list of operations. */
export function batch(services: Services, exchange: Exchange): Reply {
  const container = openContainer(services, exchange);
  const operations = readOperations(exchange);
  return isTrue(exchange, 'x-ms-cosmos-batch-atomic')
    ? atomic(services, exchange, container, operations)
    : bulk(services, exchange, container, operations);
}

function readOperations(exchange: Exchange): Operation[] {
  if (Buffer.byteLength(exchange.body) > MAX_BATCH_BYTES) throw tooLarge();
  const list = jsonBody(exchange);
  if (!Array.isArray(list) || list.length === 0) throw badRequest('A batch request needs at least one operation.');
  if (list.length > MAX_BATCH_OPERATIONS) {
    throw badRequest(`Batch request has more operations than what is supported: at most ${MAX_BATCH_OPERATIONS}.`);
  }
  return list.map((entry) => {
    if (!isObject(entry) || typeof entry.operationType !== 'string')
      throw badRequest('A batch operation needs an operationType.');
    const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
    return {
      type: entry.operationType,
      id: text(entry.id) ?? '',
      body: entry.resourceBody,
      ifMatch: text(entry.ifMatch),
      ifNoneMatch: text(entry.ifNoneMatch),
      partitionKey: text(entry.partitionKey),
    };
  });
}

/** All or nothing: one key, one transaction, one LSN. A failed operation has its own status, all others 424. */
function atomic(services: Services, exchange: Exchange, container: Container, operations: readonly Operation[]): Reply {
  const key = requiredKey(exchange, container);
  for (const { partitionKey } of operations) {
    if (partitionKey !== undefined && !sameKey(parseKeyHeader(partitionKey, container.definition), key)) {
      throw badRequest(
        'One or more operations within the batch request have a different partition key value than the request.',
      );
    }
  }
  const transaction = container.begin();
  const target = new DocumentOperations(container, key, transaction);
  const range = rangeOf(container, key);
  const results: Result[] = [];
  let failed: number | undefined;
  for (const [index, operation] of operations.entries()) {
    const result = attempt(() => run(services, container, target, operation));
    results.push(result);
    // A read that finds its document unchanged (304) is no failure, but like the service's it ends the batch.
    if (result.status >= 300) {
      failed = index;
      break;
    }
  }
  if (failed === undefined) {
    transaction.commit();
  } else {
    transaction.rollback();
    for (let index = 0; index < operations.length; index++) {
      if (index !== failed) results[index] = { ...FAILED_DEPENDENCY };
    }
  }
  const headers = dataHeaders(exchange, container, [range]);
  return repliesTo(exchange, results, headers);
}

const FAILED_DEPENDENCY: Result = {
  status: 424,
  substatus: 0,
  charge: 0,
  etag: undefined,
  text: undefined,
  retryAfterMs: undefined,
  message: undefined,
};

/** Each operation on its own; they may have different keys, but all in the addressed range. */
function bulk(services: Services, exchange: Exchange, container: Container, operations: readonly Operation[]): Reply {
  const rangeId = header(exchange, 'x-ms-documentdb-partitionkeyrangeid');
  const range = rangeId === undefined ? undefined : container.rangeById(rangeId);
  const continueOnError = isTrue(exchange, 'x-ms-cosmos-batch-continue-on-error');
  const keyOfHeader = headerKey(exchange, container);
  const keys = operations.map((operation) => keyOf(operation, container, keyOfHeader));
  // The client grouped by an outdated map of ranges: nothing is applied, so that it can group again.
  if (range !== undefined && keys.some((key) => key !== undefined && rangeOf(container, key) !== range))
    throw rangeGone();
  const results: Result[] = [];
  let stopped = false;
  for (const [index, operation] of operations.entries()) {
    if (stopped) {
      results.push({ ...FAILED_DEPENDENCY });
      continue;
    }
    const transaction = container.begin();
    const result = attempt(() => {
      const key = keys[index];
      if (key === undefined) throw badRequest('PartitionKey value must be supplied for this operation.');
      return run(services, container, new DocumentOperations(container, key, transaction), operation);
    });
    if (result.status < 400) transaction.commit();
    else transaction.rollback();
    results.push(result);
    stopped = result.status >= 400 && !continueOnError;
  }
  return repliesTo(
    exchange,
    results,
    dataHeaders(exchange, container, range === undefined ? container.ranges : [range]),
  );
}

function keyOf(
  operation: Operation,
  container: Container,
  fallback: KeyComponent[] | undefined,
): KeyComponent[] | undefined {
  if (operation.partitionKey !== undefined) return parseKeyHeader(operation.partitionKey, container.definition);
  return fallback;
}

function run(services: Services, container: Container, target: DocumentOperations, operation: Operation): Result {
  const { type, id, body, ifMatch, ifNoneMatch } = operation;
  const conditions = { ifMatch, ifNoneMatch };
  switch (type) {
    case 'Create':
      return success(target.create(body));
    case 'Upsert':
      return success(target.upsert(body, conditions));
    case 'Replace':
      return success(target.replace(id, body, conditions), true);
    case 'Patch':
      return success(target.patch(id, body, conditions, conditionTest(services.queries, container)), true);
    case 'Delete':
      return success(target.remove(id, conditions));
    case 'Read':
      return success(target.read(id, conditions));
    default:
      throw badRequest(`The batch operation type '${type}' is invalid.`);
  }
}

function success({ status, item, bytes }: Outcome, replaced = false): Result {
  const reading = status === 304 || (status === 200 && !replaced && item !== undefined);
  const charge = reading ? readCharge(bytes) : replaced ? replaceCharge(bytes) : writeCharge(bytes);
  return {
    ...FAILED_DEPENDENCY,
    status,
    charge,
    etag: item?.state.etag,
    text: status === 304 ? undefined : item?.state.text,
  };
}

function attempt(operation: () => Result): Result {
  try {
    return operation();
  } catch (error) {
    if (!(error instanceof CosmosError)) throw error;
    const { status, substatus, retryAfterMs, message } = error;
    return { ...FAILED_DEPENDENCY, status, substatus, retryAfterMs, charge: 1.24, message };
  }
}

function repliesTo(exchange: Exchange, results: readonly Result[], headers: Record<string, string>): Reply {
  const minimal = header(exchange, 'prefer') === 'return=minimal';
  const charge = results.reduce((sum, result) => sum + result.charge, 0);
  const parts = results.map((result) => {
    const fields: JsonObject = { statusCode: result.status };
    if (result.substatus !== 0) fields.subStatusCode = result.substatus;
    fields.requestCharge = Math.round(result.charge * 100) / 100;
    if (result.retryAfterMs !== undefined) fields.retryAfterMilliseconds = result.retryAfterMs;
    if (result.etag !== undefined) fields.eTag = result.etag;
    if (result.message !== undefined) fields.message = result.message;
    const head = JSON.stringify(fields);
    return minimal || result.text === undefined ? head : `${head.slice(0, -1)},"resourceBody":${result.text}}`;
  });
  const status = results.every((result) => result.status < 300) ? 200 : 207;
  return { ...reply(status, undefined, charge, headers), body: `[${parts.join(',')}]` };
}
