// Partition key definitions: validating them, reading keys from documents and from request headers.
import { badRequest } from './errors.ts';
import { effectivePartitionKey, type HashKind, type KeyComponent } from './hash/epk.ts';
import { isObject, type Json, type JsonObject, ownProperty, type Value } from './json.ts';
import { MAX_PARTITION_KEY_BYTES, MAX_PARTITION_KEY_PATHS } from './limits.ts';

/** A container's partition key definition, checked and split into property names. */
export interface PartitionKeyDefinition {
  /** As the client gave it; returned on reads. */
  readonly raw: JsonObject;
  /** Property names of each level. */
  readonly paths: readonly (readonly string[])[];
  readonly kind: HashKind;
}

/** Splits `/a/"b c"/d` into its property names. */
export function splitPath(path: string): string[] {
  const parts: string[] = [];
  let at = 0;
  while (at < path.length) {
    if (path[at] !== '/') throw badRequest(`The partition key path '${path}' is invalid.`);
    at += 1;
    const quote = path[at];
    if (quote === '"' || quote === "'") {
      const end = path.indexOf(quote, at + 1);
      if (end < 0) throw badRequest(`The partition key path '${path}' is invalid.`);
      parts.push(path.slice(at + 1, end));
      at = end + 1;
    } else {
      const next = path.indexOf('/', at);
      const end = next < 0 ? path.length : next;
      parts.push(path.slice(at, end).trim());
      at = end;
    }
  }
  return parts;
}

/**
 * Refuses paths of a new container that the service refuses. Containers on disk, made by an earlier version, keep theirs.
 * https://learn.microsoft.com/azure/cosmos-db/partitioning-overview
 */
export function checkPartitionKeyPaths(definition: Value): void {
  const paths = isObject(definition) && Array.isArray(definition.paths) ? definition.paths : [];
  for (const path of paths) {
    if (typeof path === 'string' && /[\s*?"'[\]]/.test(path)) {
      throw badRequest(
        `The partition key component definition path '${path}' could not be accepted: blanks, wildcards and quotes are not allowed.`,
      );
    }
  }
}

/** Checks a definition from a container's body; a container without one gets the system key `/_partitionKey`. */
export function parseDefinition(value: Value): PartitionKeyDefinition {
  const raw: JsonObject = isObject(value)
    ? value
    : { paths: ['/_partitionKey'], kind: 'Hash', version: 2, systemKey: true };
  const { paths } = raw;
  if (!Array.isArray(paths) || paths.length === 0 || !paths.every((path) => typeof path === 'string')) {
    throw badRequest('The partition key definition must name at least one path.');
  }
  const kind = raw.kind ?? 'Hash';
  if (kind !== 'Hash' && kind !== 'MultiHash') throw badRequest(`The partition kind '${String(kind)}' is invalid.`);
  if (kind === 'Hash' && paths.length > 1) throw badRequest('Only MultiHash partition keys may have several paths.');
  if (paths.length > MAX_PARTITION_KEY_PATHS) {
    throw badRequest(`A partition key may have at most ${MAX_PARTITION_KEY_PATHS} paths.`);
  }
  const split = paths.map((path) => splitPath(String(path)));
  if (split.some((parts) => parts.length === 0 || parts.some((part) => part === ''))) {
    throw badRequest('The partition key path is invalid.');
  }
  return {
    raw: { kind: 'Hash', ...raw },
    paths: split,
    kind: kind === 'MultiHash' ? 'multi' : raw.version === 2 ? 'v2' : 'v1',
  };
}

/** Follows property names into a value. */
export function valueAt(value: Value, path: readonly string[]): Value {
  let current = value;
  for (const part of path) {
    if (!isObject(current)) return undefined;
    current = ownProperty(current, part);
  }
  return current;
}

/** The partition key of a document. An object or array in its place is refused, as the service refuses it. */
export function keyOfDocument(document: JsonObject, definition: PartitionKeyDefinition): KeyComponent[] {
  return definition.paths.map((path) => {
    const value = valueAt(document, path);
    if (isObject(value) && Object.keys(value).length === 0) return undefined;
    return checkComponent(value);
  });
}

function checkComponent(value: Value): KeyComponent {
  if (typeof value === 'object' && value !== null) {
    throw badRequest('The partition key supplied in the document is invalid: it must be a scalar.', 1001);
  }
  if (typeof value === 'string' && Buffer.byteLength(value) > MAX_PARTITION_KEY_BYTES) {
    throw badRequest(`Partition key value exceeds ${MAX_PARTITION_KEY_BYTES} bytes.`);
  }
  return value;
}

/**
 * The key in a request header or bulk operation: a JSON array in which `{}` stands for "no such property".
 * An empty array is the key of documents in a container with a system key. May be a prefix of a hierarchical key.
 */
export function parseKeyHeader(text: string, definition: PartitionKeyDefinition): KeyComponent[] {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw badRequest('Partition key provided in the request header is not a JSON array.');
  }
  if (!Array.isArray(value)) throw badRequest('Partition key provided in the request header is not a JSON array.');
  if (value.length === 0) return definition.paths.map(() => undefined);
  if (value.length > definition.paths.length) {
    throw badRequest(
      "Partition key provided either doesn't correspond to definition in the collection or doesn't match partition key field values specified in the document.",
      1001,
    );
  }
  return value.map((component) =>
    isObject(component) && Object.keys(component).length === 0 ? undefined : checkComponent(component),
  );
}

/** Text equal exactly for equal keys. */
export function keyText(components: readonly KeyComponent[]): string {
  return components.map((component) => (component === undefined ? 'u' : JSON.stringify(component))).join(',');
}

/** Whether two keys are the same. */
export function sameKey(a: readonly KeyComponent[], b: readonly KeyComponent[]): boolean {
  return a.length === b.length && a.every((component, index) => component === b[index]);
}

/** The effective partition key of a key under a definition. */
export function epkOf(components: readonly KeyComponent[], definition: PartitionKeyDefinition): string {
  return effectivePartitionKey(components, definition.kind);
}
