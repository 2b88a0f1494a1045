// The W3C trace context that every invocation gets: continues a caller's trace, or starts a new one.
import { randomBytes } from 'node:crypto';
import type { InvocationRequest } from './rpc.ts';

type TraceContext = NonNullable<InvocationRequest['traceContext']>;

/**
 * @param parent a request's `traceparent` header; an invalid one starts a new trace
 * @param state its `tracestate` header
 */
export function traceContext(parent?: string | undefined, state?: string | undefined): TraceContext {
  const match = /^00-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})$/.exec(parent ?? '');
  const traceId = match?.[1] ?? randomBytes(16).toString('hex');
  const traceParent = `00-${traceId}-${randomBytes(8).toString('hex')}-${match?.[2] ?? '00'}`;
  return { traceParent, traceState: match === null ? '' : (state ?? ''), attributes: {} };
}
