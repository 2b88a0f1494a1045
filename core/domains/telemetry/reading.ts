// A device reading: the fact that an event of the telemetry domain states.
import type { CloudEvent } from '../../ports/cloud-event.ts';
import { isJsonObject } from '../../ports/json.ts';
import { reading } from './schemas.ts';

export interface Fact {
  readonly metric: string;
  readonly value: number;
  readonly unit?: string;
  /** When it was measured, as the event says. */
  readonly time: string;
  /** Its place in the device's log: by time, then by identity. Later readings have greater positions. */
  readonly position: string;
}

/** The latest value of something, which any older one gives way to. */
export interface LastValue {
  readonly value: number;
  readonly unit?: string;
  readonly time: string;
  readonly position: string;
}

/** Whether an event has the data of a reading. Its type alone does not say so: an earlier release may have checked less. */
export const isReading = ({ type, data }: CloudEvent): boolean =>
  type === reading.type && isJsonObject(data) && typeof data.metric === 'string' && typeof data.value === 'number';

/** Reads an event of type `io.polycell.reading.v1`. Throws a TypeError for data that its schema would have refused. */
export function readingOf(event: CloudEvent, position: string): Fact {
  const data = event.data;
  if (!isJsonObject(data) || typeof data.metric !== 'string' || typeof data.value !== 'number') {
    throw new TypeError(`The event ${event.id} of ${event.source} is no reading.`);
  }
  return {
    metric: data.metric,
    value: data.value,
    ...(typeof data.unit === 'string' && { unit: data.unit }),
    time: event.time,
    position,
  };
}

/** A reading as the value that it leaves behind. */
export const lastValueOf = ({ value, unit, time, position }: Fact): LastValue => ({
  value,
  ...(unit !== undefined && { unit }),
  time,
  position,
});

/** The later of two values. */
export const later = <T extends { readonly position: string }>(a: T | undefined, b: T): T =>
  a === undefined || a.position < b.position ? b : a;
