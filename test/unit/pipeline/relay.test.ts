// The relay: publishes everything, skips nothing, and parks what can never be published.

import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { relay } from '../../../core/pipeline/relay.ts';
import type { ChangeRecord } from '../../../core/ports/change-stream.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import type { ErrorCode } from '../../../core/ports/errors.ts';
import type { Json } from '../../../core/ports/json.ts';
import { FakeClock, START } from '../../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../../support/faulty-store.ts';
import { LoopbackBus } from '../../support/loopback-bus.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { RecordingLog } from '../../support/recording-log.ts';

function setUp(plan?: FaultPlan) {
  const clock = new FakeClock();
  const bus = new LoopbackBus();
  const log = new RecordingLog();
  const parked = parking({ state: faultyStore(new MemoryStore({ clock }), plan), clock });
  return { bus, clock, log, parked, handle: relay({ tombstones: NO_TOMBSTONES, bus, parking: parked, clock, log }) };
}

const body = (id: string): Json => ({
  id,
  source: 'urn:gateway:7',
  type: 'io.polycell.reading.v1',
  data: { metric: 't', value: 1 },
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
});

const record = (index: number, changes: Partial<ChangeRecord> = {}): ChangeRecord => ({
  partition: 'acme|pump-1',
  id: `2026-11-21T07:41:0${index}!AAAAAAAAAAAAAAAA`,
  kind: 'inserted',
  body: body(`r-${index}`),
  sequence: String(index),
  committedAt: epochMs(START),
  ...changes,
});

const records = [0, 1, 2, 3, 4].map((index) => record(index));
const ids = (bus: LoopbackBus) => bus.published.map(({ event }) => event.id);

test('everything is published, in order, with its tenant and as it was sent', async () => {
  const { bus, handle } = setUp();
  expect(await handle(records)).toEqual({ status: 'done' });
  expect(ids(bus)).toEqual(['r-0', 'r-1', 'r-2', 'r-3', 'r-4']);
  expect(bus.published[1]).toEqual({
    tenant: 'acme',
    event: { specversion: '1.0', subject: 'pump-1', time: '2026-11-21T07:41:01.000Z', ...(body('r-1') as object) },
  });
});

test('no records are no work', async () => {
  const { bus, handle } = setUp();
  expect(await handle([])).toEqual({ status: 'done' });
  expect(bus.published).toEqual([]);
});

test.each([0, 1, 2, 3, 4])('a fault of the bus at record %d repeats from there', async (failedAt) => {
  const { bus, handle, log } = setUp();
  bus.fault = (_message, index) => (index === failedAt ? 'unavailable' : undefined);
  expect(await handle(records)).toEqual({ status: 'retry', failedAt });
  expect(log.messages('warn')).toEqual(['publishing failed and will be repeated']);
  bus.fault = () => undefined;
  expect(await handle(records.slice(failedAt))).toEqual({ status: 'done' });
  expect(new Set(ids(bus))).toEqual(new Set(['r-0', 'r-1', 'r-2', 'r-3', 'r-4']));
});

test.each<ErrorCode>([
  'throttled',
  'unavailable',
  'denied',
  'not-found',
  'misconfigured',
  'unknown-outcome',
  'unknown',
])('%s is a fault of the bus: nothing is parked for it, however long it lasts', async (code) => {
  const { bus, handle, parked } = setUp();
  bus.fault = () => code;
  for (let times = 0; times < 20; times += 1) expect(await handle(records)).toEqual({ status: 'retry', failedAt: 0 });
  expect(await parked.list('relay', 'acme', 10)).toEqual({ items: [] });
});

test.each<ErrorCode>(['too-large', 'invalid', 'unsupported'])('%s is its own fault: it is parked', async (code) => {
  const { bus, handle, parked, log } = setUp();
  bus.fault = ({ event }) => (event.id === 'r-2' ? code : undefined);
  expect(await handle(records)).toEqual({ status: 'done' });
  expect(ids(bus)).toEqual(['r-0', 'r-1', 'r-3', 'r-4']);
  const { items } = await parked.list('relay', 'acme', 10);
  expect(items).toMatchObject([
    {
      consumer: 'relay',
      tenant: 'acme',
      parkedAt: '2026-11-21T07:41:03.000Z',
      reason: { code, message: `planned: ${code}` },
      event: { id: 'r-2', subject: 'pump-1', time: '2026-11-21T07:41:02.000Z' },
    },
  ]);
  expect(log.messages('error')).toEqual(['parked a record that can never be published']);
});

test.each<ErrorCode>(['invalid', 'unsupported'])(
  '%s for each event, by a bus that has taken none, stops the stream and parks nothing',
  async (code) => {
    const { bus, handle, parked, log } = setUp();
    bus.fault = () => code;
    for (let times = 0; times < 20; times += 1) expect(await handle(records)).toEqual({ status: 'retry', failedAt: 0 });
    expect(await parked.list('relay', 'acme', 10)).toEqual({ items: [] });
    expect(log.messages('error')[0]).toMatch(/^the bus has taken no event yet/);
    // Once it takes one, what it refuses is at fault.
    bus.fault = ({ event }) => (event.id === 'r-0' ? code : undefined);
    expect(await handle(records)).toEqual({ status: 'done' });
    expect((await parked.list('relay', 'acme', 10)).items).toHaveLength(1);
    bus.fault = () => code;
    expect(await handle([record(5)])).toEqual({ status: 'done' });
    expect((await parked.list('relay', 'acme', 10)).items).toHaveLength(2);
  },
);

test.each<[string, Partial<ChangeRecord>]>([
  ['null', { body: null }],
  ['a text', { body: 'x' }],
  ['a list', { body: [] }],
  ['an event without id', { body: { source: 's', type: 't' } }],
  ['an event without source', { body: { id: 's', type: 't' } }],
  ['an event whose type is no text', { body: { id: 's', source: 's', type: 1 } }],
  ['a document whose id holds no time', { id: 'something' }],
  ['a document whose id holds a time that is none', { id: '2026-02-30T00:00:00!AAAAAAAAAAAAAAAA' }],
])('%s in the log is parked as unreadable, under its tenant, and the others are published', async (_case, changes) => {
  const { bus, handle, parked } = setUp();
  const broken = record(2, changes);
  expect(await handle([record(1), broken, record(3)])).toEqual({ status: 'done' });
  expect(ids(bus)).toEqual(['r-1', 'r-3']);
  const { items } = await parked.list('relay', 'acme', 10);
  expect(items).toMatchObject([
    {
      reason: { code: 'unreadable', message: 'The document in the log is not an event.' },
      text: JSON.stringify({ partition: broken.partition, id: broken.id }),
    },
  ]);
});

test('a partition without tenant and subject is parked without a tenant', async () => {
  const { bus, handle, parked } = setUp();
  expect(await handle([record(1, { partition: 'acmex' }), record(2, { partition: 'acme|a/b' })])).toEqual({
    status: 'done',
  });
  expect(bus.published).toEqual([]);
  expect(await parked.list('relay', 'acme', 10)).toMatchObject({ items: [{ reason: { code: 'unreadable' } }] });
  expect(await parked.list('relay', '_', 10)).toMatchObject({ items: [{ reason: { code: 'unreadable' } }] });
});

test('parking down: the batch is repeated, and parked once the store is back', async () => {
  let down = true;
  const { bus, handle, parked } = setUp(() => (down ? { code: 'unavailable', when: 'before' } : undefined));
  const batch = [record(1), record(2, { body: null }), record(3)];
  await expect(handle(batch)).rejects.toMatchObject({ code: 'unavailable' });
  down = false;
  expect(await handle(batch)).toEqual({ status: 'done' });
  expect(new Set(ids(bus))).toEqual(new Set(['r-1', 'r-3']));
  expect((await parked.list('relay', 'acme', 10)).items).toHaveLength(1);
});

test('a failure after one that is parked repeats from the failure', async () => {
  const { bus, handle, parked } = setUp();
  bus.fault = ({ event }) => (event.id === 'r-1' ? 'too-large' : event.id === 'r-3' ? 'throttled' : undefined);
  expect(await handle(records)).toEqual({ status: 'retry', failedAt: 3 });
  expect((await parked.list('relay', 'acme', 10)).items).toHaveLength(1);
});

test('a failure before one that would be parked repeats first, and parks nothing yet', async () => {
  const { bus, handle, parked } = setUp();
  bus.fault = ({ event }) => (event.id === 'r-3' ? 'too-large' : event.id === 'r-1' ? 'throttled' : undefined);
  expect(await handle(records)).toEqual({ status: 'retry', failedAt: 1 });
  expect((await parked.list('relay', 'acme', 10)).items).toHaveLength(0);
});

test('a bus that throws repeats the whole batch', async () => {
  const { clock, parked, log } = setUp();
  const handle = relay({
    tombstones: NO_TOMBSTONES,
    bus: { publish: () => Promise.reject(new Error('no route')) },
    parking: parked,
    clock,
    log,
  });
  await expect(handle(records)).rejects.toThrow('no route');
});

test('a bus that answers for fewer messages than it was given is a fault of the bus, and parks nothing', async () => {
  const { clock, parked, log } = setUp();
  const handle = relay({
    tombstones: NO_TOMBSTONES,
    bus: { publish: async () => [{ status: 'published' }] },
    parking: parked,
    clock,
    log,
  });
  await expect(handle(records)).rejects.toThrow(TypeError);
  expect(await parked.list('relay', 'acme', 10)).toEqual({ items: [] });
});
