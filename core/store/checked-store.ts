// Validates keys, sizes and limits before any adapter is called, once for all clouds.

import { compareUtf8, jsonBytesAtMost, utf8Length } from '../lib/text.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { AppendOptions, AppendOutcome, Beside, Key, NewDocument, Query, Store, Write } from '../ports/store.ts';
import { STORE_LIMITS } from '../ports/store.ts';

/** Neither service allows these in an id; control characters have no use in one and break logs. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: -- the expression matches control characters on purpose
const FORBIDDEN = /[/\\#?\u0000-\u001f\u007f]/;

/** A lone surrogate has no UTF-8 form: two such keys could become one. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** Nearly all keys: one byte per character, none of them forbidden. */
const PLAIN = /^[ !"$-.0->@-[\]-~]+$/;

/** Wraps an adapter so that requests that no service accepts are refused with `invalid` or `too-large` before they are sent. */
export function checkedStore(store: Store): Store {
  return {
    get: async (key) => store.get(checkedKey(key)),
    put: async (document, expected) => store.put(checkedDocument(document), expected),
    append: async (documents, options) => appendChecked(store, documents, options),
    transact: async (partition, writes) => store.transact(partition, checkedWrites(partition, writes)),
    query: async (partition, query) => {
      checkedPart('partition', partition);
      const checked = checkedQuery(query);
      return checked === undefined ? { items: [] } : store.query(partition, checked);
    },
    digests: async (partition, query) => {
      checkedPart('partition', partition);
      const checked = checkedQuery(query);
      return checked === undefined ? { items: [] } : store.digests(partition, checked);
    },
    partitions: async (query) => store.partitions(checkedPage(query)),
    delete: async (key, expected) => store.delete(checkedKey(key), expected),
  };
}

function checkedPart(what: 'partition' | 'id' | 'cursor', value: string): string {
  if (typeof value !== 'string' || value === '') throw new PortError('invalid', `The ${what} must not be empty.`);
  if (value.length <= STORE_LIMITS.keyBytes && PLAIN.test(value)) return value;
  if (FORBIDDEN.test(value) || LONE_SURROGATE.test(value)) {
    throw new PortError(
      'invalid',
      `The ${what} ${JSON.stringify(value.slice(0, 80))} holds a character that no key may hold (/ \\ # ? or a control character).`,
    );
  }
  if (utf8Length(value) > STORE_LIMITS.keyBytes) {
    throw new PortError('invalid', `The ${what} is longer than ${STORE_LIMITS.keyBytes} bytes.`);
  }
  return value;
}

function checkedKey(key: Key): Key {
  checkedPart('partition', key.partition);
  checkedPart('id', key.id);
  return key;
}

function checkedBody(body: Json): number {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new PortError('invalid', 'The body is not a JSON value.', { cause });
  }
  if (text === undefined) throw new PortError('invalid', 'The body is not a JSON value.');
  const bytes = utf8Length(text);
  if (bytes > STORE_LIMITS.bodyBytes) {
    throw new PortError('too-large', `The body has ${bytes} bytes; a document holds ${STORE_LIMITS.bodyBytes}.`);
  }
  return bytes;
}

function checkedDocument(document: NewDocument): NewDocument {
  checkedKey(document);
  // Most bodies are so small that they need no exact measurement.
  if (jsonBytesAtMost(document.body) > STORE_LIMITS.bodyBytes) checkedBody(document.body);
  if (document.beside !== undefined) checkBeside(document.beside);
  if (document.digest !== undefined && utf8Length(document.digest) > STORE_LIMITS.digestBytes)
    throw new PortError('too-large', `The digest is longer than ${STORE_LIMITS.digestBytes} bytes.`);
  return document;
}

function checkBeside(beside: Beside): void {
  const bytes = utf8Length(JSON.stringify(beside));
  if (bytes > STORE_LIMITS.besideBytes)
    throw new PortError(
      'too-large',
      `Beside the body are ${bytes} bytes; there is room for ${STORE_LIMITS.besideBytes}.`,
    );
}

function checkedWrites(partition: string, writes: readonly Write[]): readonly Write[] {
  checkedPart('partition', partition);
  if (writes.length === 0) throw new PortError('invalid', 'A transaction needs at least one write.');
  if (writes.length > STORE_LIMITS.transactionWrites) {
    throw new PortError(
      'too-large',
      `A transaction has ${writes.length} writes; it takes ${STORE_LIMITS.transactionWrites}.`,
    );
  }
  const ids = new Set<string>();
  let bytes = 0;
  for (const write of writes) {
    if (ids.has(checkedPart('id', write.id)))
      throw new PortError('invalid', `Two writes of a transaction name ${write.id}.`);
    ids.add(write.id);
    if (write.kind === 'put') bytes += checkedBody(write.body);
  }
  if (bytes > STORE_LIMITS.transactionBytes) {
    throw new PortError(
      'too-large',
      `The bodies of a transaction have ${bytes} bytes; it takes ${STORE_LIMITS.transactionBytes}.`,
    );
  }
  return writes;
}

/** Documents that can never be stored fail individually, and the rest is stored: `append` does not reject because of them. */
async function appendChecked(
  store: Store,
  documents: readonly NewDocument[],
  options: AppendOptions | undefined,
): Promise<readonly AppendOutcome[]> {
  const refusals = documents.map((document): PortError | undefined => {
    try {
      checkedDocument(document);
      return undefined;
    } catch (error) {
      if (isPortError(error)) return error;
      throw error;
    }
  });
  const taken = documents.filter((_, index) => refusals[index] === undefined);
  const outcomes = taken.length === 0 ? [] : await store.append(taken, options);
  let next = 0;
  return refusals.map((error) => {
    if (error !== undefined) return { status: 'failed', error };
    const outcome = outcomes[next++];
    if (outcome === undefined) throw new TypeError('The store returned fewer outcomes than it was given documents.');
    return outcome;
  });
}

function checkedPage<Q extends { readonly limit: number }>(query: Q): Q {
  if (Number.isInteger(query.limit) && query.limit >= 1 && query.limit <= STORE_LIMITS.pageDocuments) return query;
  throw new PortError(
    'invalid',
    `The limit of a query must be a whole number from 1 to ${STORE_LIMITS.pageDocuments}.`,
  );
}

/**
 * The query as adapters take it; `undefined` if nothing can match. Bounds need not be ids, but must be text that ids can be compared with; the services refuse empty
 * ones. On every adapter, a cursor is the last id of a page, so one that is not an id or lies outside the bounds belongs to another query.
 */
function checkedQuery(query: Query): Query | undefined {
  checkedPage(query);
  const { cursor, from = '', to, prefix = '', ...rest } = query;
  for (const bound of [from, to ?? '', prefix]) checkedBound(bound);
  if (cursor !== undefined) {
    checkedPart('cursor', cursor);
    const isInside = compareUtf8(cursor, from) >= 0 && (to === undefined || compareUtf8(cursor, to) < 0);
    if (!isInside || !cursor.startsWith(prefix))
      throw new PortError('invalid', 'The cursor lies outside of the query.');
  }
  if (to === '') return undefined;
  return {
    ...rest,
    ...(cursor !== undefined && { cursor }),
    ...(from !== '' && { from }),
    ...(to !== undefined && { to }),
    ...(prefix !== '' && { prefix }),
  };
}

function checkedBound(bound: string): void {
  if (LONE_SURROGATE.test(bound) || utf8Length(bound) > STORE_LIMITS.keyBytes)
    throw new PortError('invalid', 'A bound of a query is longer than any id, or is not well-formed Unicode.');
}
