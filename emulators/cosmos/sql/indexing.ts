// Whether a container's indexing policy can serve an ORDER BY: the service refuses several terms without a composite index.
import { badRequest, queryError } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import type { Container } from '../store/container.ts';
import { pathOf } from './access-path.ts';
import type { Expr } from './ast.ts';
import type { CompiledQuery } from './compiled-query.ts';

interface Term {
  readonly path: string;
  readonly descending: boolean;
}

/**
 * Refuses an ORDER BY that no index can serve: it must be a path in the document itself. Next to an aggregate without GROUP BY
 * an ORDER BY means nothing, and is let through as it is by the service.
 */
export function checkOrderedPaths(query: CompiledQuery): void {
  const { orderBy, sources } = query.ast;
  if (query.grouped) return;
  for (const { expr } of orderBy) {
    const alias = rootOf(expr);
    const source = alias === undefined ? undefined : sources.findIndex((each) => each.alias === alias);
    const from = source === undefined ? undefined : sources[source];
    if (from === undefined || from.from.k === 'query') {
      throw queryError(
        2206,
        'Unsupported ORDER BY clause. ORDER BY item expression could not be mapped to a document path.',
      );
    }
    if (source !== 0 || from.iterate) throw badRequest('Order-by over correlated collections is not supported.');
  }
}

/** The alias that a path of constant names and numbers begins with. */
function rootOf(expr: Expr): string | undefined {
  let at = expr;
  while (at.k === 'get' && at.key.k === 'const') at = at.of;
  return at.k === 'ref' ? at.name : undefined;
}

/**
 * Refuses an ORDER BY with several terms that no composite index matches in the same or the exactly opposite order.
 * A container without any composite index is let through unless `strict`, so that sketches run without a policy; the
 * service refuses it.
 */
export function checkCompositeIndex(query: CompiledQuery, container: Container, strict: boolean): void {
  const { orderBy, sources } = query.ast;
  if (orderBy.length < 2 || query.grouped) return;
  const policy = container.properties.indexingPolicy;
  const indexes = isObject(policy) && Array.isArray(policy.compositeIndexes) ? policy.compositeIndexes : [];
  if (indexes.length === 0 && !strict) return;
  const alias = sources[0]?.alias ?? '';
  const terms = orderBy.map(({ expr, descending }) => ({
    path: normal(pathOf(expr, alias)?.join('/') ?? '?'),
    descending,
  }));
  if (indexes.some((index) => serves(readIndex(index), terms))) return;
  throw badRequest('The order by query does not have a corresponding composite index that it can be served from.');
}

const normal = (path: string): string => path.replace(/^\//, '').replace(/\/\?$/, '').replaceAll('"', '');

function readIndex(index: Json): Term[] {
  if (!Array.isArray(index)) return [];
  return index.map((entry) => {
    const path = isObject(entry) && typeof entry.path === 'string' ? entry.path : '';
    return { path: normal(path), descending: isObject(entry) && entry.order === 'descending' };
  });
}

function serves(index: readonly Term[], terms: readonly Term[]): boolean {
  if (index.length !== terms.length) return false;
  const samePaths = index.every(({ path }, at) => path === terms[at]?.path);
  const opposite = index[0]?.descending !== terms[0]?.descending;
  return samePaths && index.every(({ descending }, at) => (descending !== terms[at]?.descending) === opposite);
}
