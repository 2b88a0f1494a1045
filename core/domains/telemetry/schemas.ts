// The event type of the telemetry domain, and the schemas of what its reads answer.
import { count, number, object, text, time } from '../../api/schema.ts';
import { eventType } from '../../domain/event-type.ts';
import { SUBJECT_PATTERN } from '../../events/subject.ts';

/** Bounds that keep a device's state small enough to be one document, even if every character takes six bytes in JSON. */
export const READING_LIMITS = { metricCharacters: 128, unitCharacters: 48 } as const;

/** One measurement of one metric of a device, which is the event's subject. */
export const reading = eventType('io.polycell.reading.v1', {
  type: 'object',
  description: 'One measurement of one metric of a device.',
  required: ['metric', 'value'],
  properties: {
    metric: { type: 'string', minLength: 1, maxLength: READING_LIMITS.metricCharacters },
    value: { type: 'number' },
    unit: { type: 'string', maxLength: READING_LIMITS.unitCharacters },
  },
});

export const Device = object(['id', 'readings', 'metrics'], {
  id: { type: 'string', pattern: SUBJECT_PATTERN },
  lastSeen: time,
  readings: count,
  metrics: { type: 'object', additionalProperties: object(['value', 'time'], { value: number, unit: text, time }) },
});

export const Reading = object(['id', 'source', 'time', 'metric', 'value'], {
  id: text,
  source: text,
  time,
  metric: text,
  value: number,
  unit: text,
});

/** Readings of different units are never added up: each unit of a metric has a rollup of its own. */
export const Rollup = object(['metric', 'window', 'start', 'count', 'min', 'max', 'sum', 'last'], {
  metric: text,
  unit: text,
  window: { type: 'string', enum: ['1m', '1h', '1d'] },
  start: time,
  count,
  min: number,
  max: number,
  sum: number,
  last: { type: ['number', 'null'] },
});

export const Alert = { type: 'object' } as const;
