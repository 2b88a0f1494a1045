// Partial document updates: add, set, replace, remove, incr and move, as the PATCH operation defines them.
import { badRequest } from './errors.ts';
import { isObject, type Json, type JsonObject, ownProperty, setProperty } from './json.ts';
import { MAX_PATCH_OPERATIONS } from './limits.ts';
import type { PartitionKeyDefinition } from './partition-key.ts';

/** One operation, checked. */
export interface PatchOperation {
  readonly op: 'add' | 'set' | 'replace' | 'remove' | 'incr' | 'move';
  readonly path: readonly string[];
  readonly from: readonly string[];
  readonly value: Json;
}

/** A patch request: operations and an optional condition in SQL. */
export interface Patch {
  readonly operations: readonly PatchOperation[];
  readonly condition: string | undefined;
}

const OPERATIONS: ReadonlySet<string> = new Set(['add', 'set', 'replace', 'remove', 'incr', 'move']);
const isOperation = (name: Json | undefined): name is PatchOperation['op'] =>
  typeof name === 'string' && OPERATIONS.has(name);

/** Reads a patch body: an array of operations, or `{operations, condition}`. */
export function parsePatch(value: Json | undefined, definition: PartitionKeyDefinition): Patch {
  const list = isObject(value) ? value.operations : value;
  if (!Array.isArray(list) || list.length === 0) throw badRequest('A patch request needs at least one operation.');
  if (list.length > MAX_PATCH_OPERATIONS) {
    throw badRequest(`The number of patch operations can't exceed ${MAX_PATCH_OPERATIONS}.`);
  }
  const condition = isObject(value) ? value.condition : undefined;
  if (condition !== undefined && condition !== null && typeof condition !== 'string') {
    throw badRequest('The condition of a patch request must be a string.');
  }
  return {
    operations: list.map((entry) => parseOperation(entry, definition)),
    condition: typeof condition === 'string' && condition !== '' ? condition : undefined,
  };
}

function parseOperation(entry: Json, definition: PartitionKeyDefinition): PatchOperation {
  if (!isObject(entry) || !isOperation(entry.op)) {
    throw badRequest('A patch operation must be one of add, set, replace, remove, incr, move.');
  }
  const { op, value } = entry;
  if (op === 'incr' && typeof value !== 'number') throw badRequest('The value of an incr operation must be a number.');
  if (value === undefined && op !== 'remove' && op !== 'move') throw badRequest(`The ${op} operation needs a value.`);
  const path = pointer(entry.path, definition);
  const from = op === 'move' ? pointer(entry.from, definition) : [];
  if (op === 'move' && from.every((part, index) => part === path[index]) && path.length > from.length) {
    throw badRequest('A value cannot be moved into itself.');
  }
  return { op, path, from, value: value ?? null };
}

function pointer(path: Json | undefined, definition: PartitionKeyDefinition): string[] {
  if (typeof path !== 'string' || !path.startsWith('/') || path.length < 2) {
    throw badRequest(`The patch path '${String(path)}' is invalid: it must start with '/' and name a property.`);
  }
  const parts = path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (parts[0] === 'id' && parts.length === 1) throw badRequest("Patch operations cannot change 'id'.");
  if (parts[0] !== undefined && /^_(rid|self|etag|ts|attachments)$/.test(parts[0])) {
    throw badRequest(`Patch operations cannot change the system property '${parts[0]}'.`);
  }
  const touchesKey = definition.paths.some(
    (key) => key.every((part, index) => part === parts[index]) && key.length === parts.length,
  );
  if (touchesKey) throw badRequest('Patch operations cannot change the partition key.');
  return parts;
}

/** A copy of the document with the operations applied in order; refuses the whole patch if one cannot be. */
export function applyPatch(document: JsonObject, operations: readonly PatchOperation[]): JsonObject {
  const copy = structuredClone(document);
  for (const operation of operations) apply(copy, operation);
  return copy;
}

function apply(root: JsonObject, { op, path, from, value }: PatchOperation): void {
  switch (op) {
    case 'add':
      insert(root, path, structuredClone(value));
      return;
    case 'set':
      assign(root, path, structuredClone(value), false);
      return;
    case 'replace':
      assign(root, path, structuredClone(value), true);
      return;
    case 'remove':
      remove(root, path);
      return;
    case 'incr':
      increment(root, path, Number(value));
      return;
    case 'move':
      insert(root, path, remove(root, from));
      return;
  }
}

const text = (path: readonly string[]): string => `/${path.join('/')}`;

/** The object or array that holds the last step of a path. */
function parentOf(root: JsonObject, path: readonly string[]): { parent: Json[] | JsonObject; last: string } {
  let parent: Json[] | JsonObject = root;
  for (const part of path.slice(0, -1)) {
    const next: Json | undefined = Array.isArray(parent)
      ? parent[indexIn(parent, part, false)]
      : ownProperty(parent, part);
    if (typeof next !== 'object' || next === null) {
      throw badRequest(`The path '${text(path)}' does not exist: '${part}' is absent or not an object or array.`);
    }
    parent = next;
  }
  return { parent, last: path.at(-1) ?? '' };
}

function indexIn(array: readonly Json[], part: string, end: boolean): number {
  if (!/^(0|[1-9]\d*)$/.test(part)) throw badRequest(`'${part}' is not a valid array index.`);
  const index = Number(part);
  if (index > array.length || (index === array.length && !end)) {
    throw badRequest(`The array index ${index} is out of bounds.`);
  }
  return index;
}

/** Add: sets a property, or inserts into an array before an index; `-` appends. */
function insert(root: JsonObject, path: readonly string[], value: Json): void {
  const { parent, last } = parentOf(root, path);
  if (!Array.isArray(parent)) setProperty(parent, last, value);
  else if (last === '-') parent.push(value);
  else parent.splice(indexIn(parent, last, true), 0, value);
}

/** Set and replace: overwrites a property or an array element; replace needs it to exist. */
function assign(root: JsonObject, path: readonly string[], value: Json, mustExist: boolean): void {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) {
    if (last === '-' && !mustExist) parent.push(value);
    else parent[indexIn(parent, last, !mustExist)] = value;
    return;
  }
  if (mustExist && !Object.hasOwn(parent, last))
    throw badRequest(`The path '${text(path)}' to replace does not exist.`);
  setProperty(parent, last, value);
}

function remove(root: JsonObject, path: readonly string[]): Json {
  const { parent, last } = parentOf(root, path);
  if (Array.isArray(parent)) return parent.splice(indexIn(parent, last, false), 1)[0] ?? null;
  const value = ownProperty(parent, last);
  if (value === undefined) throw badRequest(`The path '${text(path)}' to remove does not exist.`);
  delete parent[last];
  return value;
}

/** Incr: adds to a number; a missing property starts at zero. */
function increment(root: JsonObject, path: readonly string[], by: number): void {
  const { parent, last } = parentOf(root, path);
  const current = Array.isArray(parent) ? parent[indexIn(parent, last, false)] : ownProperty(parent, last);
  if (current !== undefined && typeof current !== 'number') {
    throw badRequest(`The path '${text(path)}' to increment does not hold a number.`);
  }
  const next = (current ?? 0) + by;
  if (Array.isArray(parent)) parent[indexIn(parent, last, false)] = next;
  else setProperty(parent, last, next);
}
