// Builders of events: a valid reading, changed where a test needs it to differ.
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import type { Json, JsonObject } from '../../core/ports/json.ts';

export const READING = 'io.polycell.reading.v1';

export const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** What a client sends: one valid reading, 3 seconds before the instant at which tests begin. */
export function candidate(changes: JsonObject = {}): JsonObject {
  return {
    specversion: '1.0',
    id: 'r-1',
    source: 'urn:gateway:7',
    type: READING,
    subject: 'pump-1',
    time: '2026-11-21T07:41:00Z',
    data: { metric: 'temperature', value: 21.5, unit: 'Cel' },
    ...changes,
  };
}

/** The same without one of its members. */
export function without(name: string, changes: JsonObject = {}): JsonObject {
  return Object.fromEntries(Object.entries(candidate(changes)).filter(([key]) => key !== name));
}

/** An accepted reading. */
export function reading(changes: JsonObject = {}): CloudEvent {
  return { ...candidate(), traceparent: TRACEPARENT, ...changes } as CloudEvent;
}

/** Data of the built-in type. */
export const measured = (metric: string, value: number, more: { readonly [key: string]: Json } = {}): JsonObject => ({
  metric,
  value,
  ...more,
});
