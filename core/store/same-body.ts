// Compares the bodies of two documents as JSON values.
import { isJsonObject, type Json } from '../ports/json.ts';

/** Whether two bodies are equal as JSON values, without the named members of the outermost object. */
export function sameBody(left: Json, right: Json, except: readonly string[] = []): boolean {
  if (!isJsonObject(left) || !isJsonObject(right)) return sameValue(left, right);
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const name of except) names.delete(name);
  return [...names].every((name) => sameValue(own(left, name), own(right, name)));
}

function sameValue(left: Json | undefined, right: Json | undefined): boolean {
  // A store keeps -0 as 0.
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right))
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((value: Json, index) => sameValue(value, right[index] as Json))
    );
  return sameBody(left as Json, right as Json);
}

const own = (value: { readonly [name: string]: Json | undefined }, name: string): Json | undefined =>
  Object.hasOwn(value, name) ? value[name] : undefined;
