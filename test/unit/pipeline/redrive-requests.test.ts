// Redrive requests on their way through the log: the relay knows them by their place, which no client can write to.

import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { registryOf } from '../../../core/domain/application.ts';
import { acceptEvent } from '../../../core/events/accept.ts';
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { deadLetters } from '../../../core/pipeline/dead-letters.ts';
import { parking } from '../../../core/pipeline/parking.ts';
import { ownAcceptance } from '../../../core/pipeline/progress.ts';
import { redrive } from '../../../core/pipeline/redrive.ts';
import { relay } from '../../../core/pipeline/relay.ts';
import type { Bus, BusMessage } from '../../../core/ports/bus.ts';
import type { ChangeRecord } from '../../../core/ports/change-stream.ts';
import { PortError } from '../../../core/ports/errors.ts';
import { candidate, reading, TRACEPARENT } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { METERS } from '../../support/meters.ts';
import { NO_TOMBSTONES } from '../../support/nothing-erased.ts';
import { RecordingLog } from '../../support/recording-log.ts';

function cell(refused: (message: BusMessage) => boolean = () => false) {
  const clock = new FakeClock();
  const changes: ChangeRecord[] = [];
  const sent: BusMessage[] = [];
  const events = new MemoryStore({ clock, onChange: (change) => void changes.push(change) });
  const state = new MemoryStore({ clock });
  const bus: Bus = {
    async publish(messages) {
      sent.push(...messages.filter((message) => !refused(message)));
      return messages.map((message) =>
        refused(message) ? { status: 'failed', error: new PortError('too-large', 'refused') } : { status: 'published' },
      );
    },
  };
  const parked = parking({ state, clock });
  return {
    clock,
    events,
    parked,
    sent,
    redrive: redrive({ cell: 'cell-1', tombstones: NO_TOMBSTONES, events, state, clock }),
    relayAll: () =>
      relay({ tombstones: NO_TOMBSTONES, bus, parking: parked, clock, log: new RecordingLog() })(changes.splice(0)),
  };
}

test('a redriven event reaches its consumer alone, under its own tenant', async () => {
  const { parked, redrive, relayAll, sent } = cell();
  const event = reading();
  await parked.park({ consumer: 'rollups', tenant: 'acme', event, reason: { code: 'TypeError', message: 'x' } });
  expect(await redrive({ consumer: 'rollups', tenant: 'acme' })).toEqual({ redriven: 1, failed: 0, more: false });
  expect(await relayAll()).toEqual({ status: 'done' });
  expect(sent).toEqual([{ event, tenant: 'acme', consumer: 'rollups' }]);
  expect((await parked.list('rollups', 'acme', 10)).items).toEqual([]);
});

test('a copy of another cell’s event stays one when it is redriven, and is as old as it was', async () => {
  const origin = 'cell-2';
  const event = reading();
  const dead = cell();
  const acceptedAt = 1_795_246_863_000;
  const message = { event, tenant: 'acme', origin, acceptedAt, deliveryId: 'd', attempt: 1000 };
  await deadLetters({ consumer: 'tally', parking: dead.parked, log: new RecordingLog() })([message], 0);
  await dead.redrive({ consumer: 'tally', tenant: 'acme' });
  await dead.relayAll();
  expect(dead.sent).toEqual([{ event, tenant: 'acme', origin, acceptedAt, consumer: 'tally' }]);

  let isTooLarge = true;
  const refused = cell(() => isTooLarge);
  await refused.events.append([toLogDocument('acme', event, { origin, epoch: 1 })]);
  await refused.relayAll();
  isTooLarge = false;
  expect(await refused.redrive({ consumer: 'relay', tenant: 'acme' })).toMatchObject({ redriven: 1 });
  await refused.relayAll();
  expect(refused.sent).toEqual([{ event, tenant: 'acme', origin }]);
});

test('what the relay of its own cell had parked says when it was accepted, and is no lag of those that get it', async () => {
  const acceptedAt = 1_795_246_863_000;
  let isTooLarge = true;
  const { events, relayAll, redrive, sent, parked } = cell(() => isTooLarge);
  const event = reading();
  await events.append([toLogDocument('acme', event, { origin: 'cell-1', epoch: 1, at: acceptedAt })]);
  await relayAll();
  expect((await parked.list('relay', 'acme', 10)).items).toHaveLength(1);
  isTooLarge = false;
  expect(await redrive({ consumer: 'relay', tenant: 'acme' })).toMatchObject({ redriven: 1 });
  await relayAll();
  expect(sent).toEqual([{ event, tenant: 'acme', acceptedAt }]);
  expect(sent.map((message) => ownAcceptance('cell-1', message))).toEqual([undefined]);
});

test('an event that looks like a redrive request is an event, of the tenant that sent it', async () => {
  const { clock, events, relayAll, sent } = cell();
  const forged = candidate({ redrive: 'rollups', tenant: 'victim', event: 'none' });
  const registry = registryOf(METERS);
  const acceptance = acceptEvent(forged, { registry, now: clock.now() });
  if (!acceptance.accepted) throw new Error('Attributes of these names are allowed.');
  await events.append([
    toLogDocument('acme', acceptance.event, { origin: 'cell-1', epoch: 1, traceparent: TRACEPARENT }),
  ]);
  expect(await relayAll()).toEqual({ status: 'done' });
  const event = { ...forged, traceparent: TRACEPARENT };
  expect(sent).toEqual([{ event, tenant: 'acme', origin: 'cell-1' }]);
});
