// Handlers of single documents: create, upsert, read, replace, patch, delete, and deleting a whole partition key.
import { readCharge, replaceCharge, writeCharge } from '../charge.ts';
import { DocumentOperations, type Outcome } from '../documents.ts';
import { badRequest, notFound, unsupported } from '../errors.ts';
import type { KeyComponent } from '../hash/epk.ts';
import type { JsonObject } from '../json.ts';
import { epkOf, keyText, parseKeyHeader } from '../partition-key.ts';
import { checkSession, sessionToken } from '../session.ts';
import type { QueryCache } from '../sql/cache.ts';
import { makeEnv } from '../sql/compile-expression.ts';
import { DOCUMENT_SLOT } from '../sql/compiled-query.ts';
import type { Container } from '../store/container.ts';
import type { PartitionRange } from '../store/range.ts';
import { type Exchange, header, isTrue, jsonBody, type Reply } from './exchange.ts';
import { containerHeaders } from './resources.ts';
import type { Services } from './services.ts';

/** The container a request addresses, with what has expired removed. */
export function openContainer({ account }: Services, exchange: Exchange): Container {
  const [, db = '', , coll = ''] = exchange.segments;
  const container = account.container(db, coll, true);
  container.expire();
  return container;
}

/** The partition key of the request's header. */
export function headerKey(exchange: Exchange, container: Container): KeyComponent[] | undefined {
  const text = header(exchange, 'x-ms-documentdb-partitionkey');
  return text === undefined ? undefined : parseKeyHeader(text, container.definition);
}

/** The partition key that operations on single documents must name, even if the document says it too. */
export function requiredKey(exchange: Exchange, container: Container): KeyComponent[] {
  const key = headerKey(exchange, container);
  if (key === undefined) throw badRequest('PartitionKey value must be supplied for this operation.');
  return key;
}

/** `POST .../docs` without batch or query: create or upsert. */
export function createItem(services: Services, exchange: Exchange): Reply {
  const container = openContainer(services, exchange);
  refuseTriggers(exchange);
  const body = jsonBody(exchange);
  const key = requiredKey(exchange, container);
  const upsert = isTrue(exchange, 'x-ms-documentdb-is-upsert');
  return write(exchange, container, key, (operations) =>
    upsert ? operations.upsert(body, conditionsOf(exchange)) : operations.create(body),
  );
}

/** `.../docs/{id}`. */
export function item(services: Services, exchange: Exchange): Reply {
  const container = openContainer(services, exchange);
  const id = exchange.segments[5] ?? '';
  const key = requiredKey(exchange, container);
  const conditions = conditionsOf(exchange);
  switch (exchange.method) {
    case 'GET':
      return read(exchange, container, key, id);
    case 'PUT':
      refuseTriggers(exchange);
      return write(exchange, container, key, (operations) => operations.replace(id, jsonBody(exchange), conditions));
    case 'PATCH':
      return write(exchange, container, key, (operations) =>
        operations.patch(id, jsonBody(exchange), conditions, conditionTest(services.queries, container)),
      );
    case 'DELETE':
      refuseTriggers(exchange);
      return write(exchange, container, key, (operations) => operations.remove(id, conditions));
    default:
      throw unsupported(`${exchange.method} on a document`);
  }
}

/** `POST .../operations/partitionkeydelete`: everything under one key, at once. */
export function deletePartitionKey(services: Services, exchange: Exchange): Reply {
  const container = openContainer(services, exchange);
  const key = headerKey(exchange, container);
  if (key === undefined || exchange.segments[5] !== 'partitionkeydelete') throw notFound();
  const transaction = container.begin();
  for (const partition of [...container.partitions.values()]) {
    if (key.every((component, level) => component === partition.key[level])) {
      for (const stored of [...partition.items.values()]) transaction.remove(stored);
    }
  }
  transaction.commit();
  return { status: 200, body: '', headers: containerHeaders(exchange, container), charge: 5 };
}

/** Evaluates a patch condition, `FROM c WHERE ...`, on a document. */
export function conditionTest(
  queries: QueryCache,
  container: Container,
): (document: JsonObject, condition: string) => boolean {
  return (document, condition) => {
    const { query } = queries.prepare(`SELECT VALUE 1 ${condition}`);
    const now = container.shared.clock.now();
    const env = makeEnv(new Map(), now);
    env.slots[DOCUMENT_SLOT] = document;
    const rows = query.rows(env);
    let step = rows.next();
    while (step === 'pause') step = rows.next();
    return step === 'row';
  };
}

function read(exchange: Exchange, container: Container, key: readonly KeyComponent[], id: string): Reply {
  const range = rangeOf(container, key);
  checkSession(header(exchange, 'x-ms-session-token'), [range]);
  const operations = new DocumentOperations(container, key, container.begin());
  const outcome = operations.read(id, conditionsOf(exchange));
  return itemReply(exchange, container, range, outcome, readCharge(outcome.bytes));
}

function write(
  exchange: Exchange,
  container: Container,
  key: readonly KeyComponent[],
  apply: (operations: DocumentOperations) => Outcome,
): Reply {
  const transaction = container.begin();
  let outcome: Outcome;
  try {
    outcome = apply(new DocumentOperations(container, key, transaction));
  } catch (error) {
    transaction.rollback();
    throw error;
  }
  // The range is looked up before committing: a deletion may drop an empty partition.
  const range = rangeOf(container, key);
  transaction.commit();
  const charge = outcome.status === 200 ? replaceCharge(outcome.bytes) : writeCharge(outcome.bytes);
  return itemReply(exchange, container, range, outcome, charge);
}

function itemReply(
  exchange: Exchange,
  container: Container,
  range: PartitionRange,
  { status, item: stored }: Outcome,
  charge: number,
): Reply {
  const headers = dataHeaders(exchange, container, [range]);
  if (stored !== undefined) headers.etag = stored.state.etag;
  const hasBody = stored !== undefined && status !== 304;
  return { status, body: hasBody ? stored.state.text : '', headers, charge };
}

/** Headers of replies about data in some ranges. */
export function dataHeaders(
  exchange: Exchange,
  container: Container,
  ranges: readonly PartitionRange[],
): Record<string, string> {
  const headers = containerHeaders(exchange, container);
  headers['x-ms-session-token'] = sessionToken(ranges);
  const [only, ...others] = ranges;
  if (only !== undefined && others.length === 0) {
    headers.lsn = String(only.lsn);
    headers['x-ms-documentdb-partitionkeyrangeid'] = only.id;
  }
  return headers;
}

/** The range of a key; known partitions spare the hash. */
export function rangeOf(container: Container, key: readonly KeyComponent[]): PartitionRange {
  const known = container.partitions.get(keyText(key));
  return known?.range ?? container.rangeOf(epkOf(key, container.definition));
}

function conditionsOf(exchange: Exchange): { ifMatch: string | undefined; ifNoneMatch: string | undefined } {
  return { ifMatch: header(exchange, 'if-match'), ifNoneMatch: header(exchange, 'if-none-match') };
}

function refuseTriggers(exchange: Exchange): void {
  for (const name of ['x-ms-documentdb-pre-trigger-include', 'x-ms-documentdb-post-trigger-include']) {
    const trigger = header(exchange, name);
    if (trigger !== undefined) throw unsupported(`The trigger '${trigger}'`);
  }
}
