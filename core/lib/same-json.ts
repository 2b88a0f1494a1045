// Equality of JSON values.

/** Whether two values are the same JSON value, whatever the order of their keys; a member that is undefined counts as absent. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (
    typeof a !== 'object' ||
    typeof b !== 'object' ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return false;
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = Object.entries(b).filter(([, value]) => value !== undefined);
  const other = new Map(right);
  return (
    left.length === right.length && left.every(([key, value]) => other.has(key) && sameJson(value, other.get(key)))
  );
}
