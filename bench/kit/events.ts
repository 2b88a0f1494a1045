// The events that benchmarks send: readings of a known size, each its own.

import { reading as readingEvent } from '../../core/domains/telemetry/schemas.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';

export const TENANT = 'bench';

export interface ReadingOptions {
  /** Distinguishes this event from all others of its source. */
  readonly id: string;
  readonly device: string;
  readonly time: number;
  readonly value: number;
  /** Bytes of the event's JSON; a member of `data` fills it up. As small as it is unless given. */
  readonly bytes?: number;
  /** False for an event without a trace of its own, which ingest then gives one. */
  readonly traced?: boolean;
}

/** The trace that events bring, unless they are to have none. */
export const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** A reading that brings its own trace, so that all contenders store the same. */
export function reading({ id, device, time, value, bytes, traced = true }: ReadingOptions): CloudEvent {
  const event = (data: object) => ({
    specversion: '1.0' as const,
    type: readingEvent.type,
    source: 'urn:polycell:bench',
    id,
    subject: device,
    time: new Date(time).toISOString(),
    ...(traced && { traceparent: TRACEPARENT }),
    data: { metric: 'temperature', value, unit: 'Cel', ...data },
  });
  const bare = event({});
  if (bytes === undefined) return bare;
  const missing = bytes - Buffer.byteLength(JSON.stringify(event({ note: '' })));
  return missing < 0 ? bare : event({ note: 'x'.repeat(missing) });
}

/** Bytes of an event as it is sent. */
export const sizeOf = (event: CloudEvent): number => Buffer.byteLength(JSON.stringify(event));

/** The beginning of the minute that lies five minutes back: readings of it are neither late nor early. */
export const recentMinute = (): number => Math.floor(Date.now() / 60_000 - 5) * 60_000;
