// The span of each attempt to forward a request, whose context the cell continues.
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Destination, Forwarded, Forwarding } from './forward.ts';

type Forward = (request: Forwarding, destination: Destination) => Promise<Forwarded>;

/** What says that the cell did not serve the request; a client that has gone, or sends no body, is not among it. */
const FAILURES: ReadonlySet<Forwarded['status']> = new Set(['refused', 'unreachable', 'unanswered', 'overloaded']);

/** Returns the forwarder with spans. Attempts that fail, and those after them, are always exported. */
export function tracedForward(telemetry: Telemetry, forward: Forward): Forward {
  return async (request, destination) => {
    const span = telemetry.start(request.method, 'client', request.traceparent);
    request.headers.traceparent = span.traceparent;
    const attributes = { 'http.request.method': request.method, 'polycell.peer': destination.cell };
    let forwarded: Forwarded;
    try {
      forwarded = await forward(request, destination);
    } catch (error) {
      span.end(attributes, { failure: 'invalid' });
      throw error;
    }
    const { status } = forwarded;
    const failure = FAILURES.has(status) ? status : undefined;
    const code = forwarded.status === 'answered' ? forwarded.response.status : undefined;
    span.end(
      { ...attributes, 'http.response.status_code': code, 'error.type': failure },
      { failure, keep: request.again },
    );
    if (failure !== undefined)
      telemetry.add('polycell.forward.failures', 1, { 'polycell.peer': destination.cell, 'error.type': failure });
    return forwarded;
  };
}
