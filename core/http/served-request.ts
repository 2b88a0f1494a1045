// The span and the duration of each request that a cell serves.
import type { Route } from '../api/route.ts';
import type { IngestSummary } from '../pipeline/ingest.ts';
import type { Clock } from '../ports/clock.ts';
import type { Span, Telemetry } from '../ports/telemetry.ts';
import type { ApiRequest } from './call.ts';
import { routes } from './routes.ts';

export const SPAN_LIMITS = {
  /** Characters of the ids of events that the span of their request names: by them, their way is found. */
  eventIdCharacters: 20 * 1024,
} as const;

export interface ServedDeps {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

export interface Served {
  readonly span: Span;
  /** Ends the span and counts the request. */
  readonly answered: (status: number) => void;
}

/**
 * Starts the span of a request; `route` is undefined for an unknown path, whose text is in no name. Health checks are neither traced nor
 * counted: there are more of them than of anything else.
 */
export function servedRequest({ telemetry, clock }: ServedDeps) {
  return ({ method, headers }: ApiRequest, route: Route | undefined): Served => {
    const name = route === undefined ? 'HTTP' : `${route.method} ${route.path}`;
    const span = telemetry.start(name, 'server', headers.get('traceparent'));
    const began = clock.now();
    return {
      span,
      answered: (status) => {
        if (route === routes.health) return;
        const attributes = {
          'http.request.method': route === undefined ? '_OTHER' : method,
          'http.route': route?.path,
          'http.response.status_code': status,
        };
        span.end(attributes, { failure: status >= 500 ? String(status) : undefined });
        telemetry.record('http.server.request.duration', (clock.now() - began) / 1000, attributes);
      },
    };
  };
}

/** Notes what became of the events of a request. */
export function noteEvents(telemetry: Telemetry, span: Span, { results, ...counts }: IngestSummary): void {
  for (const [status, count] of Object.entries(counts))
    if (count > 0) telemetry.add('polycell.ingested', count, { status });
  if (!span.sampled) return;
  const ids: string[] = [];
  let left: number = SPAN_LIMITS.eventIdCharacters;
  for (const { id, status } of results) {
    left -= id?.length ?? 0;
    if (left < 0) break;
    if (id !== null && status !== 'rejected') ids.push(id);
  }
  span.set({ 'polycell.event.ids': ids, ...counted(counts) });
}

const counted = (counts: Omit<IngestSummary, 'results'>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).map(([status, count]) => [`polycell.${status}`, count]));
