// Decides what kind of request this is and which handler serves it.
import { randomUUID } from 'node:crypto';
import { CosmosError, notFound, unsupported } from '../errors.ts';
import type { Operation, Target } from '../faults.ts';
import { batch } from './batch.ts';
import { changeFeed } from './change-feed.ts';
import { type Exchange, header, isTrue, type Reply } from './exchange.ts';
import { createItem, deletePartitionKey, item } from './items.ts';
import { query, readFeed } from './query.ts';
import {
  absentResources,
  container,
  containers,
  database,
  databases,
  isQuery,
  offers,
  ranges,
  readAccount,
} from './resources.ts';
import type { Services } from './services.ts';
import type { Work } from './turns.ts';

const METHOD_OPERATIONS: Readonly<Record<string, Operation>> = {
  GET: 'read',
  PUT: 'replace',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** The kind of a request, for faults. */
export function operationOf(exchange: Exchange): Operation {
  const { segments, method } = exchange;
  if (segments.length === 0) return 'account';
  if (segments[0] === 'offers') return 'offer';
  const kind = segments[4];
  if (kind === undefined) return segments.length <= 2 ? 'database' : 'container';
  if (kind === 'pkranges') return 'ranges';
  if (kind === 'operations') return 'delete-partition-key';
  if (kind !== 'docs') return 'other';
  if (segments.length === 6) return METHOD_OPERATIONS[method] ?? 'other';
  if (method === 'GET') return header(exchange, 'a-im') === undefined ? 'read-feed' : 'change-feed';
  if (isTrue(exchange, 'x-ms-cosmos-is-query-plan-request')) return 'query-plan';
  if (isQuery(exchange)) return 'query';
  if (isTrue(exchange, 'x-ms-cosmos-is-batch-request')) {
    return isTrue(exchange, 'x-ms-cosmos-batch-atomic') ? 'batch' : 'bulk';
  }
  return isTrue(exchange, 'x-ms-documentdb-is-upsert') ? 'upsert' : 'create';
}

/** What a request shows of itself to faults. */
export function targetOf(exchange: Exchange): Target {
  const { segments } = exchange;
  return {
    operation: operationOf(exchange),
    database: segments[1],
    container: segments[3],
    itemId: segments[5],
    partitionKey: header(exchange, 'x-ms-documentdb-partitionkey'),
    rangeId: header(exchange, 'x-ms-documentdb-partitionkeyrangeid'),
  };
}

/** Serves a request, or throws what it is refused with. */
export function route(services: Services, exchange: Exchange): Reply | Work {
  const { segments } = exchange;
  if (segments.length === 0) return readAccount(services, exchange);
  if (segments[0] === 'offers' && segments.length <= 2) return offers(services, exchange);
  if (segments[0] !== 'dbs') throw notFound();
  if (segments.length === 1) return databases(services, exchange);
  if (segments.length === 2) return database(services, exchange);
  if (segments[2] === 'users') return absentResources(exchange, 'Users', 'Users and permissions');
  if (segments[2] === 'clientencryptionkeys')
    return absentResources(exchange, 'ClientEncryptionKeys', 'Client encryption');
  if (segments[2] !== 'colls') throw notFound();
  if (segments.length === 3) return containers(services, exchange);
  if (segments.length === 4) return container(services, exchange);
  return routeInContainer(services, exchange);
}

function routeInContainer(services: Services, exchange: Exchange): Reply | Work {
  const { segments, method } = exchange;
  // Everything below needs the container; a missing one is distinguished from a missing item.
  services.account.container(segments[1] ?? '', segments[3] ?? '', true);
  switch (segments[4]) {
    case 'docs':
      if (segments.length === 6) return item(services, exchange);
      if (segments.length !== 5) throw notFound();
      if (method === 'GET')
        return header(exchange, 'a-im') === undefined ? readFeed(services, exchange) : changeFeed(services, exchange);
      if (method !== 'POST') throw unsupported(`${method} on the documents of a container`);
      if (isQuery(exchange)) return query(services, exchange);
      return isTrue(exchange, 'x-ms-cosmos-is-batch-request')
        ? batch(services, exchange)
        : createItem(services, exchange);
    case 'pkranges':
      return ranges(services, exchange);
    case 'operations':
      return deletePartitionKey(services, exchange);
    case 'conflicts':
      return absentResources(exchange, 'Conflicts', 'Resolving conflicts');
    case 'sprocs':
      return absentResources(exchange, 'StoredProcedures', 'Stored procedures');
    case 'triggers':
      return absentResources(exchange, 'Triggers', 'Triggers');
    case 'udfs':
      return absentResources(exchange, 'UserDefinedFunctions', 'User-defined functions');
    default:
      throw notFound();
  }
}

/** The reply to a refused request; its body is never empty, because the SDK reads a message from it. */
export function errorReply(error: unknown): Reply {
  const refused = error instanceof CosmosError ? error : new CosmosError(500, `Internal error: ${String(error)}`);
  const headers: Record<string, string> = {};
  if (refused.substatus !== 0) headers['x-ms-substatus'] = String(refused.substatus);
  if (refused.retryAfterMs !== undefined) headers['x-ms-retry-after-ms'] = String(refused.retryAfterMs);
  const activity = randomUUID();
  headers['x-ms-activity-id'] = activity;
  const message = `${refused.message}\r\nActivityId: ${activity}, Polycell/1.0`;
  const body = JSON.stringify({ code: refused.code, message, ...refused.extra });
  return { status: refused.status, body, headers, charge: 1 };
}
