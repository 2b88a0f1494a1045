// Operations on single documents as the service defines them: checks, conditions and outcomes, inside a transaction.
import { badRequest, conflict, notFound, partitionKeyMismatch, preconditionFailed, tooLarge } from './errors.ts';
import type { KeyComponent } from './hash/epk.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { checkJson } from './limited-json.ts';
import { isTtl, MAX_DOCUMENT_BYTES, MAX_ID_LENGTH, MAX_TTL } from './limits.ts';
import { keyOfDocument, sameKey } from './partition-key.ts';
import { applyPatch, parsePatch } from './patch.ts';
import type { Container } from './store/container.ts';
import type { Item } from './store/item.ts';
import type { Transaction } from './store/transaction.ts';

/** Conditions of a request. */
export interface Conditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** What an operation did: the status it is answered with and the document it leaves, if any. */
export interface Outcome {
  readonly status: 200 | 201 | 204 | 304;
  readonly item: Item | undefined;
  /** Bytes of JSON written or read; decides the charge. */
  readonly bytes: number;
}

const SYSTEM_PROPERTIES = ['_rid', '_self', '_etag', '_attachments', '_ts', '_lsn'] as const;

interface Body {
  readonly document: JsonObject;
  readonly id: string;
  readonly text: string;
}

/** Checks a document sent by a client and separates it from system properties. */
function checkBody(body: Json | undefined): Body {
  if (!isObject(body)) throw badRequest('The request body must be a JSON object.');
  const document: JsonObject = body;
  for (const name of SYSTEM_PROPERTIES) if (Object.hasOwn(document, name)) delete document[name];
  const id = checkId(document.id);
  const { ttl } = document;
  if (ttl !== undefined && !isTtl(ttl)) {
    throw badRequest(
      `The input ttl is invalid. Ensure to provide a nonzero positive integer of at most ${MAX_TTL}, or -1, for 'ttl'.`,
    );
  }
  checkJson(document);
  const text = JSON.stringify(document);
  if (text.length > MAX_DOCUMENT_BYTES || Buffer.byteLength(text) > MAX_DOCUMENT_BYTES) throw tooLarge();
  return { document, id, text };
}

/** Document ids: a non-empty string without the characters that would break its link. */
export function checkId(id: Json | undefined): string {
  if (id === undefined || id === null || id === '') {
    throw badRequest("The input content is invalid because the required properties - 'id; ' - are missing");
  }
  if (typeof id !== 'string') throw badRequest('The input name is invalid: the id must be a string.');
  // A question mark and a trailing space are allowed here, unlike in the ids of databases and containers.
  if (id.length > MAX_ID_LENGTH || /[/\\#]/.test(id)) {
    throw badRequest(
      `The input name '${id.slice(0, 100)}' is invalid. Ensure it has no '/', '\\', '#', and at most ${MAX_ID_LENGTH} characters.`,
    );
  }
  return id;
}

/** One logical partition of a container, addressed by a full key, within a transaction. */
export class DocumentOperations {
  readonly #container: Container;
  readonly #key: readonly KeyComponent[];
  readonly #transaction: Transaction;

  constructor(container: Container, key: readonly KeyComponent[], transaction: Transaction) {
    if (key.length !== container.definition.paths.length) {
      throw badRequest(
        "Partition key provided either doesn't correspond to definition in the collection or doesn't match partition key field values specified in the document.",
        1001,
      );
    }
    this.#container = container;
    this.#key = key;
    this.#transaction = transaction;
  }

  create(value: Json | undefined): Outcome {
    const body = this.#checkBody(value);
    if (this.#find(body.id) !== undefined) throw conflict();
    return this.#insert(body);
  }

  /** Upsert with If-Match on a missing document creates it, as other implementations do. */
  upsert(value: Json | undefined, conditions: Conditions): Outcome {
    const body = this.#checkBody(value);
    const item = this.#find(body.id);
    if (item === undefined) return this.#insert(body);
    checkMatch(item, conditions);
    this.#transaction.replace(item, body.document, body.text);
    return { status: 200, item, bytes: body.text.length };
  }

  replace(id: string, value: Json | undefined, conditions: Conditions): Outcome {
    const body = this.#checkBody(value);
    if (body.id !== id) throw badRequest('The id in the request body differs from the one in the link.');
    const item = this.#require(id);
    checkMatch(item, conditions);
    this.#transaction.replace(item, body.document, body.text);
    return { status: 200, item, bytes: body.text.length };
  }

  patch(
    id: string,
    value: Json | undefined,
    conditions: Conditions,
    holds: (document: JsonObject, condition: string) => boolean,
  ): Outcome {
    const patch = parsePatch(value, this.#container.definition);
    const item = this.#require(id);
    checkMatch(item, conditions);
    const current = this.#container.parsed(item);
    if (patch.condition !== undefined && !holds(current, patch.condition)) throw preconditionFailed();
    const body = this.#checkBody(applyPatch(current, patch.operations));
    this.#transaction.replace(item, body.document, body.text);
    return { status: 200, item, bytes: body.text.length };
  }

  remove(id: string, conditions: Conditions): Outcome {
    const item = this.#require(id);
    checkMatch(item, conditions);
    this.#transaction.remove(item);
    return { status: 204, item: undefined, bytes: item.state.text.length };
  }

  read(id: string, conditions: Conditions): Outcome {
    const item = this.#require(id);
    const bytes = item.state.text.length;
    const { ifNoneMatch } = conditions;
    if (ifNoneMatch !== undefined && (ifNoneMatch === '*' || ifNoneMatch === item.state.etag)) {
      return { status: 304, item, bytes };
    }
    return { status: 200, item, bytes };
  }

  #checkBody(value: Json | undefined): Body {
    const body = checkBody(value);
    if (!sameKey(keyOfDocument(body.document, this.#container.definition), this.#key)) throw partitionKeyMismatch();
    return body;
  }

  #insert(body: Body): Outcome {
    const partition = this.#container.partitionFor(this.#key);
    try {
      const item = this.#transaction.create(partition, body.id, body.document, body.text);
      return { status: 201, item, bytes: body.text.length };
    } catch (error) {
      this.#container.dropIfEmpty(partition);
      throw error;
    }
  }

  #find(id: string): Item | undefined {
    return this.#container.findPartition(this.#key)?.items.get(id);
  }

  #require(id: string): Item {
    const item = this.#find(id);
    if (item === undefined) throw notFound();
    return item;
  }
}

function checkMatch(item: Item, { ifMatch }: Conditions): void {
  if (ifMatch !== undefined && ifMatch !== '*' && ifMatch !== item.state.etag) throw preconditionFailed();
}
