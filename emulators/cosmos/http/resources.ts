// Handlers of the account, databases, containers, partition key ranges and offers.
import { badRequest, notFound, unsupported } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { MAX_THROUGHPUT } from '../limits.ts';
import { readParameters } from '../sql/cache.ts';
import { makeEnv } from '../sql/compile-expression.ts';
import { runAll } from '../sql/run.ts';
import type { Database, Offer, Throughput } from '../store/account.ts';
import type { Container } from '../store/container.ts';
import { type Exchange, header, isTrue, objectBody, pageSize, type Reply, reply } from './exchange.ts';
import type { Services } from './services.ts';

/** Charges of operations on metadata, roughly the service's. */
const METADATA_CHARGE = 2;

/** `GET /`: where to send requests and how reads behave. */
export function readAccount(services: Services, exchange: Exchange): Reply {
  // The endpoint is the one the client used, so that containers and port forwards work.
  const endpoint = `http://${header(exchange, 'host') ?? `127.0.0.1:${services.port}`}/`;
  const locations = [{ name: 'Local', databaseAccountEndpoint: endpoint }];
  return reply(200, {
    _self: '',
    // The SDK would ignore the locations of an account called "localhost".
    id: 'polycell-emulator',
    _rid: 'polycell-emulator.documents.local',
    media: '//media/',
    addresses: '//addresses/',
    _dbs: '//dbs/',
    writableLocations: locations,
    readableLocations: locations,
    enableMultipleWriteLocations: false,
    enablePerPartitionFailoverBehavior: false,
    userReplicationPolicy: { asyncReplication: false, minReplicaSetSize: 1, maxReplicasetSize: 1 },
    userConsistencyPolicy: { defaultConsistencyLevel: services.consistency },
    systemReplicationPolicy: { minReplicaSetSize: 1, maxReplicasetSize: 1, asyncReplication: false },
    readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
    queryEngineConfiguration: '{}',
  });
}

/** `/dbs`. */
export function databases(services: Services, exchange: Exchange): Reply {
  const { account } = services;
  if (exchange.method === 'GET' || isQuery(exchange)) {
    return listing(services, exchange, 'Databases', [...account.databases.values()].map(databaseJson), '');
  }
  requireMethod(exchange, ['POST']);
  const database = account.createDatabase(objectBody(exchange).id, throughputOf(exchange));
  return withEtag(201, databaseJson(database));
}

/** `/dbs/{db}`. */
export function database(services: Services, exchange: Exchange): Reply {
  const { account } = services;
  const name = exchange.segments[1] ?? '';
  requireMethod(exchange, ['GET', 'DELETE']);
  const found = account.database(name);
  if (exchange.method === 'GET') return withEtag(200, databaseJson(found));
  account.deleteDatabase(name);
  return reply(204, undefined, METADATA_CHARGE);
}

/** `/dbs/{db}/colls`. */
export function containers(services: Services, exchange: Exchange): Reply {
  const { account } = services;
  const name = exchange.segments[1] ?? '';
  const owner = account.database(name);
  if (exchange.method === 'GET' || isQuery(exchange)) {
    const rows = [...owner.containers.values()].map(containerJson);
    return listing(services, exchange, 'DocumentCollections', rows, owner.rid);
  }
  requireMethod(exchange, ['POST']);
  const container = account.createContainer(name, objectBody(exchange), throughputOf(exchange));
  return withEtag(201, containerJson(container), containerHeaders(exchange, container));
}

/** `/dbs/{db}/colls/{coll}`. */
export function container(services: Services, exchange: Exchange): Reply {
  const { account } = services;
  const [, db = '', , coll = ''] = exchange.segments;
  requireMethod(exchange, ['GET', 'PUT', 'DELETE']);
  const found = account.container(db, coll);
  const headers = containerHeaders(exchange, found);
  if (exchange.method === 'DELETE') {
    account.deleteContainer(found);
    return reply(204, undefined, METADATA_CHARGE);
  }
  if (exchange.method === 'PUT') account.replaceContainer(found, objectBody(exchange));
  if (isTrue(exchange, 'x-ms-documentdb-populatequotainfo')) {
    const used = found.bySequence.reduce((sum, item) => sum + (item.live ? item.state.text.length : 0), 0);
    headers['x-ms-resource-quota'] = 'collectionSize=10485760;documentsCount=-1;';
    headers['x-ms-resource-usage'] =
      `documentsSize=${Math.ceil(used / 1024)};documentsCount=${found.documentCount};collectionSize=${Math.ceil(used / 1024)};`;
  }
  headers['x-ms-documentdb-collection-index-transformation-progress'] = '100';
  return withEtag(200, containerJson(found), headers);
}

/** `/dbs/{db}/colls/{coll}/pkranges`. */
export function ranges(services: Services, exchange: Exchange): Reply {
  const [, db = '', , coll = ''] = exchange.segments;
  requireMethod(exchange, ['GET']);
  const found = services.account.container(db, coll);
  const list = found.ranges.map((range, index) => ({
    _rid: `${found.rid.slice(0, -2)}${String(index)}Q==`,
    id: range.id,
    _etag: found.etag,
    minInclusive: range.min,
    maxExclusive: range.max,
    ridPrefix: index,
    _self: `${found.self}pkranges/${range.id}/`,
    throughputFraction: 1 / found.ranges.length,
    status: 'online',
    parents: range.parents,
    _ts: found.ts,
    lsn: range.lsn,
  }));
  const body = { _rid: found.rid, PartitionKeyRanges: list, _count: list.length };
  return reply(200, body, 1, { 'x-ms-item-count': String(list.length), etag: found.etag });
}

/** `/offers` and `/offers/{id}`. */
export function offers(services: Services, exchange: Exchange): Reply {
  const { account } = services;
  const [, id] = exchange.segments;
  if (id === undefined) {
    if (exchange.method !== 'GET' && !isQuery(exchange)) throw unsupported('Creating an offer');
    return listing(services, exchange, 'Offers', [...account.offers.values()].map(offerJson), '');
  }
  requireMethod(exchange, ['GET', 'PUT']);
  const offer =
    account.offers.get(id) ?? [...account.offers.values()].find((entry) => entry.id.toLowerCase() === id.toLowerCase());
  if (offer === undefined) throw notFound();
  if (exchange.method === 'GET') return withEtag(200, offerJson(offer));
  const { content, _rid } = objectBody(exchange);
  if (_rid !== undefined && _rid !== offer.id) throw badRequest('The resource id of an offer cannot be changed.');
  if (!isObject(content)) throw badRequest('An offer needs content.');
  const next: JsonObject = { ...offer.content, ...content };
  const autoscale = next.offerAutopilotSettings;
  if (isObject(autoscale)) next.offerThroughput = Math.ceil(Number(autoscale.maxThroughput) / 10);
  checkThroughput(Number(next.offerThroughput), 100);
  account.replaceOffer(offer, next);
  return withEtag(200, offerJson(account.offers.get(offer.id) ?? offer));
}

/** Kinds of resource that cannot be created here: their lists are empty and everything else is refused by name. */
export function absentResources(exchange: Exchange, key: string, feature: string): Reply {
  const isList = exchange.segments.length % 2 === 1;
  if (isList && (exchange.method === 'GET' || isQuery(exchange))) {
    return reply(200, { _rid: '', [key]: [], _count: 0 }, 1, { 'x-ms-item-count': '0' });
  }
  if (!isList && exchange.method === 'GET') throw notFound();
  throw unsupported(feature);
}

/** Answers a listing or a query over a list of resources, page by page. */
function listing(services: Services, exchange: Exchange, key: string, all: readonly JsonObject[], rid: string): Reply {
  let rows: Json[] = [...all];
  if (isQuery(exchange)) {
    const { query: sql, parameters } = objectBody(exchange);
    if (typeof sql !== 'string') throw badRequest('A query needs its text.');
    const { query } = services.queries.prepare(sql);
    const params = readParameters(query, parameters);
    rows = runAll(query, makeEnv(params, services.account.clock.now()), rows);
  }
  const start = Number(header(exchange, 'x-ms-continuation') ?? 0);
  if (!Number.isInteger(start) || start < 0) throw badRequest('Invalid Continuation Token');
  const end = start + pageSize(exchange);
  const page = rows.slice(start, end);
  const headers: Record<string, string> = { 'x-ms-item-count': String(page.length) };
  if (end < rows.length) headers['x-ms-continuation'] = String(end);
  return reply(200, { _rid: rid, [key]: page, _count: page.length }, METADATA_CHARGE, headers);
}

function databaseJson({ id, rid, self, etag, ts }: Database): JsonObject {
  return { id, _rid: rid, _self: self, _etag: etag, _colls: 'colls/', _users: 'users/', _ts: ts };
}

function containerJson({ properties, rid, self, etag, ts }: Container): JsonObject {
  const links = {
    _docs: 'docs/',
    _sprocs: 'sprocs/',
    _triggers: 'triggers/',
    _udfs: 'udfs/',
    _conflicts: 'conflicts/',
  };
  return { ...properties, _rid: rid, _ts: ts, _self: self, _etag: etag, ...links };
}

function offerJson({ id, resource, resourceRid, content, etag, ts }: Offer): JsonObject {
  const kind = { offerType: 'Invalid', offerVersion: 'V2' };
  return {
    resource,
    ...kind,
    offerResourceId: resourceRid,
    content,
    id,
    _rid: id,
    _self: `offers/${id}/`,
    _etag: etag,
    _ts: ts,
  };
}

/** Headers by which the SDK ties session tokens to a container. */
export function containerHeaders({ segments }: Exchange, { rid, id }: Container): Record<string, string> {
  const path = `dbs/${segments[1] ?? ''}/colls/${id}`;
  return { 'x-ms-alt-content-path': encodeURI(path), 'x-ms-content-path': rid };
}

function withEtag(status: number, body: JsonObject, headers: Record<string, string> = {}): Reply {
  return reply(status, body, METADATA_CHARGE, { ...headers, etag: String(body._etag) });
}

/** Whether a POST is a query. */
export function isQuery(exchange: Exchange): boolean {
  return (
    exchange.method === 'POST' &&
    (isTrue(exchange, 'x-ms-documentdb-isquery') ||
      (header(exchange, 'content-type') ?? '').startsWith('application/query+json'))
  );
}

/** Refuses other methods with the service's 405. */
export function requireMethod(exchange: Exchange, methods: readonly string[]): void {
  if (!methods.includes(exchange.method)) throw unsupported(`${exchange.method} /${exchange.segments.join('/')}`);
}

function throughputOf(exchange: Exchange): Throughput {
  const manual = header(exchange, 'x-ms-offer-throughput');
  const autoscale = header(exchange, 'x-ms-cosmos-offer-autopilot-settings');
  if (autoscale !== undefined) {
    let max: unknown;
    try {
      max = (JSON.parse(autoscale) as { maxThroughput?: unknown }).maxThroughput;
    } catch {
      throw badRequest('The autoscale settings are not valid JSON.');
    }
    checkThroughput(Number(max), 1000);
    return { manual: undefined, autoscaleMax: Number(max) };
  }
  if (manual === undefined) return { manual: undefined, autoscaleMax: undefined };
  checkThroughput(Number(manual), 100);
  return { manual: Number(manual), autoscaleMax: undefined };
}

function checkThroughput(value: number, step: number): void {
  const least = step === 1000 ? 1000 : 400;
  if (!Number.isInteger(value) || value < least || value > MAX_THROUGHPUT || value % step !== 0) {
    throw badRequest(
      `The offer should have valid throughput values between ${least} and ${MAX_THROUGHPUT} inclusive in increments of ${step}.`,
    );
  }
}
