// Handlers of queries over documents, of query plans, and of reading all documents.
import { queryCharge } from '../charge.ts';
import { badRequest, needsQueryPlan, unsupported } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import { checkJson } from '../limited-json.ts';
import { epkOf, keyText } from '../partition-key.ts';
import { checkSession } from '../session.ts';
import { keyDemanded } from '../sql/access-path.ts';
import { readParameters } from '../sql/cache.ts';
import { makeEnv } from '../sql/compile-expression.ts';
import type { QueryPage, QueryRequest, QueryScope } from '../sql/execute.ts';
import { checkCompositeIndex, checkOrderedPaths } from '../sql/indexing.ts';
import { Meter } from '../sql/meter.ts';
import { needsClient, planQuery } from '../sql/plan.ts';
import { executeOverRanges } from '../sql/ranges.ts';
import type { Container } from '../store/container.ts';
import type { LogicalPartition } from '../store/partition.ts';
import type { PartitionRange } from '../store/range.ts';
import { type Exchange, header, isTrue, jsonBody, pageSize, type Reply, reply } from './exchange.ts';
import { dataHeaders, headerKey, openContainer, rangeOf } from './items.ts';
import type { Services } from './services.ts';
import type { Work } from './turns.ts';

/** The part of a container that a request addresses, and whether it addresses one at all. */
export interface Addressed extends QueryScope {
  readonly ranges: readonly PartitionRange[];
  /** The request names a partition key or a range, so one server can answer it. */
  readonly targeted: boolean;
  /** Text of the full partition key, when one is named. */
  readonly key: string | undefined;
  /** Whether an effective partition key is within the addressed part. */
  readonly covers: (epk: string) => boolean;
}

/** Works out what a query or feed request addresses from its headers. */
export function addressed(exchange: Exchange, container: Container): Addressed {
  const key = headerKey(exchange, container);
  const rangeId = header(exchange, 'x-ms-documentdb-partitionkeyrangeid');
  const common = { container, single: undefined, key: undefined };
  if (key !== undefined && key.length === container.definition.paths.length) {
    const single = { partition: container.findPartition(key) };
    const ranges = [rangeOf(container, key)];
    return { ...common, single, ranges, key: keyText(key), accepts: () => true, covers: () => true, targeted: true };
  }
  if (key !== undefined) {
    const prefix = epkOf(key, container.definition);
    const ranges = container.ranges.filter(({ min, max }) => max > prefix && min < `${prefix}FF`);
    return { ...common, ranges, ...within((epk) => epk.startsWith(prefix)), targeted: true };
  }
  const start = header(exchange, 'x-ms-start-epk') ?? '';
  const end = header(exchange, 'x-ms-end-epk') ?? 'FF';
  if (rangeId !== undefined) {
    const range = container.rangeById(rangeId);
    return {
      ...common,
      ranges: [range],
      ...within((epk) => range.contains(epk) && epk >= start && epk < end),
      targeted: true,
    };
  }
  const whole = start === '' && end === 'FF';
  return {
    ...common,
    ranges: container.ranges,
    ...within((epk) => whole || (epk >= start && epk < end)),
    targeted: false,
  };
}

function within(covers: (epk: string) => boolean): Pick<Addressed, 'accepts' | 'covers'> {
  return { covers, accepts: ({ epk }: LogicalPartition) => covers(epk) };
}

/** `POST .../docs` with a query. */
export function query(services: Services, exchange: Exchange): Reply | Work {
  const container = openContainer(services, exchange);
  const { sql, parameters } = readQuery(exchange);
  const prepared = services.queries.prepare(sql);
  const params = readParameters(prepared.query, parameters);
  checkOrderedPaths(prepared.query);
  if (isTrue(exchange, 'x-ms-cosmos-is-query-plan-request')) {
    const env = makeEnv(params, services.account.clock.now());
    const key = keyDemanded(prepared.path, container.definition, env);
    return reply(
      200,
      planQuery(sql, prepared.query, env, key === undefined ? undefined : epkOf(key, container.definition)),
    );
  }
  const scope = addressed(exchange, container);
  checkSession(header(exchange, 'x-ms-session-token'), scope.ranges);
  if (!scope.targeted && needsClient(prepared.query.ast, prepared.query.grouped)) throw needsQueryPlan();
  checkCompositeIndex(prepared.query, container, services.strictIndexes);
  return answerQuery(exchange, scope, {
    ...prepared,
    params,
    pageSize: pageSize(exchange),
    continuation: header(exchange, 'x-ms-continuation'),
    merged: scope.targeted && scope.single === undefined,
    meter: new Meter(),
  });
}

/** `GET .../docs` without a change feed: all documents, page by page. */
export function readFeed(services: Services, exchange: Exchange): Work {
  const container = openContainer(services, exchange);
  const scope = addressed(exchange, container);
  checkSession(header(exchange, 'x-ms-session-token'), scope.ranges);
  return answerQuery(exchange, scope, {
    ...services.queries.prepare('SELECT * FROM c'),
    params: new Map(),
    pageSize: pageSize(exchange),
    continuation: header(exchange, 'x-ms-continuation'),
    merged: false,
    meter: new Meter(),
  });
}

/** One page; the positions in its headers are those of the moment that the documents are seen as of. */
function* answerQuery(exchange: Exchange, scope: Addressed, request: QueryRequest): Work {
  const { ranges, page } = executeOverRanges(scope, request);
  const headers = dataHeaders(exchange, scope.container, ranges);
  return pageReply(exchange, scope.container, headers, yield* page);
}

function readQuery(exchange: Exchange): { sql: string; parameters: Json | undefined } {
  const body = jsonBody(exchange);
  if (!isObject(body) || typeof body.query !== 'string')
    throw badRequest('A query needs its text in the property "query".');
  checkJson(body);
  return { sql: body.query, parameters: body.parameters };
}

function pageReply(exchange: Exchange, container: Container, headers: Record<string, string>, page: QueryPage): Reply {
  headers['x-ms-item-count'] = String(page.rows.length);
  if (page.continuation !== undefined) headers['x-ms-continuation'] = page.continuation;
  if (isTrue(exchange, 'x-ms-documentdb-populatequerymetrics'))
    headers['x-ms-documentdb-query-metrics'] = metrics(page);
  if (isTrue(exchange, 'x-ms-cosmos-populateindexmetrics-v2')) {
    const none = { SingleIndexes: [], CompositeIndexes: [] };
    headers['x-ms-cosmos-index-utilization'] = encodeURIComponent(
      JSON.stringify({ UtilizedIndexes: none, PotentialIndexes: none }),
    );
  }
  const body = `{"_rid":"${container.rid}","Documents":[${page.rows.join(',')}],"_count":${page.rows.length}}`;
  return { status: 200, body, headers, charge: queryCharge(page.scanned, page.loaded) };
}

/** Counts are real; times are not measured. */
function metrics(page: QueryPage): string {
  const times = [
    'totalExecutionTimeInMs',
    'queryCompileTimeInMs',
    'queryLogicalPlanBuildTimeInMs',
    'queryPhysicalPlanBuildTimeInMs',
    'queryOptimizationTimeInMs',
    'VMExecutionTimeInMs',
    'indexLookupTimeInMs',
    'documentLoadTimeInMs',
    'systemFunctionExecuteTimeInMs',
    'userFunctionExecuteTimeInMs',
    'writeOutputTimeInMs',
  ].map((name) => `${name}=0.01`);
  return [
    ...times,
    `retrievedDocumentCount=${page.scanned}`,
    `retrievedDocumentSize=${page.bytes}`,
    `outputDocumentCount=${page.rows.length}`,
    `outputDocumentSize=${page.bytes}`,
    'indexUtilizationRatio=1.00',
  ].join(';');
}

/** Refuses what would otherwise be answered as an ordinary feed. */
export function refuseUnknownFeed(mode: string): never {
  throw unsupported(`The change feed mode '${mode}'`);
}
