// A small domain for tests of the engine: meters send readings, which are counted, summed up by hour, and listed.
import { Ajv } from 'ajv';
import { listing } from '../../core/api/listing.ts';
import { choice, text as textParameter } from '../../core/api/parameters.ts';
import { itemRead, pageRead } from '../../core/api/read.ts';
import { count, number, object, text, time } from '../../core/api/schema.ts';
import { bodyValidator, write } from '../../core/api/write.ts';
import { domainPartition } from '../../core/cell/identity.ts';
import type { Application } from '../../core/domain/application.ts';
import { defineDomain } from '../../core/domain/domain.ts';
import { eventType } from '../../core/domain/event-type.ts';
import { fromStored, logPartition } from '../../core/events/cloud-event.ts';
import { derived } from '../../core/pipeline/derived-consumer.ts';
import { sums } from '../../core/pipeline/sums.ts';
import { READING } from './events.ts';

const reading = eventType(READING, {
  type: 'object',
  required: ['metric', 'value'],
  properties: {
    metric: { type: 'string', minLength: 1, maxLength: 128 },
    value: { type: 'number' },
    unit: { type: 'string', maxLength: 48 },
  },
});

const known = domainPartition('meters.known');
const counts = domainPartition('meters.counts');
const hours = domainPartition('meters.hours');

const counted = sums(['readings'], ['1d']);
const summed = sums(['count', 'sum'], ['1h']);

const deviceState = derived({
  name: 'device-state',
  types: [READING],
  partition: counts.of,
  project: () => ({ readings: 1 }),
  ...counted,
  announce: async (state, tenant, subject) => {
    await state.put({ partition: known.of(tenant), id: subject, body: null }, 'any');
  },
});

const rollups = derived({
  name: 'rollups',
  types: [READING],
  partition: hours.of,
  project(event) {
    if (!reading.is(event)) throw new TypeError(`The event ${event.id} is no reading.`);
    return { count: 1, sum: event.data.value };
  },
  ...summed,
});

const missing = { code: 'unknown_device', detail: (id: string) => `There is no device ${id.slice(0, 128)}.` };
const Device = object(['id', 'readings'], { id: text, readings: count });
const parameters = { metric: textParameter('The metric.'), order: choice('The order.', ['asc', 'desc'], 'asc') };

const Value = { ...object(['value'], { value: number }), additionalProperties: false } as const;

const readMeter = write({
  name: 'readMeter',
  method: 'PUT',
  path: '/v1/devices/{id}/reading',
  summary: 'What a meter shows.',
  parameters: { metric: parameters.metric },
  body: Value,
  toEvent: async ({ parameters: { metric = 'level' }, body: { value } }) => ({
    type: READING,
    data: { metric, value },
  }),
});

const resetMeter = write({
  name: 'resetMeter',
  method: 'DELETE',
  path: '/v1/devices/{id}/reading',
  summary: 'Sets a meter that is known to zero.',
  missing,
  async toEvent({ tenant, id }, { state }) {
    const isKnown = (await state.get({ partition: known.of(tenant), id })) !== undefined;
    return isKnown ? { type: READING, data: { metric: 'level', value: 0 } } : undefined;
  },
});

export const meters = defineDomain({
  name: 'meters',
  description: 'Readings of meters, for tests.',
  events: [reading],
  validators: {
    [READING]: new Ajv().compile(reading.schema),
    [bodyValidator(readMeter)]: new Ajv().compile(Value),
  },
  consumers: [deviceState, rollups],
  state: [known, counts, hours],
  reads: [
    pageRead({
      name: 'devices',
      path: '/v1/devices',
      summary: 'Devices.',
      items: object(['id'], { id: text }),
      handle: ({ tenant }, { state }, page) => listing(state, known.of(tenant), {}, page, ({ id }) => [{ id }]),
    }),
    itemRead({
      name: 'device',
      path: '/v1/devices/{id}',
      summary: 'A device.',
      missing,
      answer: Device,
      async handle({ tenant, id }, { state }) {
        const page = { limit: 1000 };
        const days = await counted.list(state, counts.of(tenant, id), '1d', page, (day) => day);
        const readings = days.items.reduce((sum, day) => sum + day.readings, 0);
        return readings === 0 ? undefined : { id, readings };
      },
    }),
    pageRead({
      name: 'readings',
      path: '/v1/devices/{id}/readings',
      summary: 'Readings.',
      parameters,
      items: object(['id', 'source', 'time', 'value'], { id: text, source: text, time, value: number }),
      handle: ({ tenant, id, parameters: { order } }, { events }, page) => {
        const direction = order === 'asc' ? 'ascending' : 'descending';
        return listing(events, logPartition(tenant, id), { order: direction }, page, (document) => {
          const { event } = fromStored(document);
          return reading.is(event)
            ? [{ id: event.id, source: event.source, time: event.time, value: event.data.value }]
            : [];
        });
      },
    }),
    pageRead({
      name: 'rollups',
      path: '/v1/devices/{id}/rollups',
      summary: 'Sums by hour.',
      items: object(['start', 'count', 'sum'], { start: text, count, sum: number }),
      handle: ({ tenant, id }, { state }, page) =>
        summed.list(state, hours.of(tenant, id), '1h', page, (hour, start) => ({ start, ...hour })),
    }),
  ],
  writes: [readMeter, resetMeter],
  missing: { [missing.code]: 'There is no such device' },
  sample: (subject, round) => ({
    type: READING,
    subject: `meter-${subject + 1}`,
    data: { metric: 'temperature', value: 20 + (round % 40) / 4 },
  }),
});

/** An application of this domain alone. */
export const METERS: Application = [meters];
