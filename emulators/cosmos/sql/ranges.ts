// Runs a query that names neither a key nor a range: one range after the other in the order of their keys, as the gateway does.
import { isObject, type Json } from '../json.ts';
import { epkOf } from '../partition-key.ts';
import type { PartitionRange } from '../store/range.ts';
import { keyDemanded } from './access-path.ts';
import { makeEnv } from './compile-expression.ts';
import { invalidToken } from './continuation.ts';
import { executeQuery, type QueryRequest, type QueryScope, type QueryWork } from './execute.ts';

/** The part of a container that a query addresses. */
export interface RangedScope extends QueryScope {
  readonly ranges: readonly PartitionRange[];
  /** The request names a partition key or a range. */
  readonly targeted: boolean;
  /** Whether an effective partition key is within the addressed part. */
  readonly covers: (epk: string) => boolean;
}

/** The keys that one page is about, and the position within them. */
interface Stretch {
  readonly min: string;
  readonly max: string;
  readonly inner: string | undefined;
}

/** A page, and the ranges that it is about. */
export interface RangedPage {
  readonly ranges: readonly PartitionRange[];
  readonly page: QueryWork;
}

/**
 * One page. Over several ranges it holds rows of one of them alone, and is followed by another page as long as there are
 * further ranges, even if it is empty. A continuation names the keys it is about, so that it outlives a split.
 */
export function executeOverRanges(scope: RangedScope, request: QueryRequest): RangedPage {
  const { ranges, targeted } = scope;
  const [first] = ranges;
  if (targeted || first === undefined) return { ranges, page: executeQuery(scope, request) };
  const { container } = scope;
  const key = keyDemanded(request.path, container.definition, makeEnv(request.params, 0));
  if (key !== undefined) {
    const only = container.rangeOf(epkOf(key, container.definition));
    return { ranges: [only], page: executeQuery(scope, request) };
  }
  const stretch =
    request.continuation === undefined
      ? { min: first.min, max: first.max, inner: undefined }
      : readStretch(request.continuation);
  const { min, max, inner } = stretch;
  const covers = (epk: string): boolean => epk >= min && epk < max && scope.covers(epk);
  const narrowed = { ...scope, covers, accepts: ({ epk }: { readonly epk: string }) => covers(epk) };
  const visited = ranges.filter((range) => range.min < max && range.max > min);
  const next = ranges.find((range) => range.max > max);
  return { ranges: visited, page: follow(executeQuery(narrowed, { ...request, continuation: inner }), stretch, next) };
}

function* follow(work: QueryWork, { min, max }: Stretch, next: PartitionRange | undefined): QueryWork {
  const page = yield* work;
  if (page.continuation !== undefined)
    return { ...page, continuation: JSON.stringify({ e: [min, max], t: page.continuation }) };
  return next === undefined ? page : { ...page, continuation: JSON.stringify({ e: [max, next.max] }) };
}

function readStretch(token: string): Stretch {
  let value: Json;
  try {
    value = JSON.parse(token) as Json;
  } catch {
    throw invalidToken();
  }
  if (!isObject(value) || !Array.isArray(value.e)) throw invalidToken();
  const { e, t } = value;
  const [min, max] = e;
  if (typeof min !== 'string' || typeof max !== 'string' || (t !== undefined && typeof t !== 'string')) {
    throw invalidToken();
  }
  return { min, max, inner: t };
}
