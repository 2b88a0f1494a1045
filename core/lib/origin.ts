// Recognizes origins to which secrets may be sent.

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Whether the value is an origin in its canonical form, https except within one machine: tokens and bodies are sent to it. */
export function isOrigin(value: unknown): value is string {
  if (typeof value !== 'string' || !URL.canParse(value)) return false;
  const { origin, protocol, hostname } = new URL(value);
  return origin === value && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
}
