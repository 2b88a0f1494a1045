// Reads what was thrown without asking for its class: errors of Node itself may come from another realm.

/** The text of anything that was thrown. */
export function textOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return String(thrown.message);
  return String(thrown);
}

/** The code of an error: a number of the service, or Node's text for a request that never arrived. */
export function codeOf(thrown: unknown): number | string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' || typeof thrown.code === 'number' ? thrown.code : undefined;
}
