// Whether a container's indexing policy can serve an ORDER BY: the service refuses several terms without a composite index.
import { badRequest } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import type { Container } from '../store/container.ts';
import { pathOf } from './access-path.ts';
import type { CompiledQuery } from './compiled-query.ts';

interface Term {
  readonly path: string;
  readonly descending: boolean;
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
