// Erasing a subject in a cell that has a catalogue, whose items have ids that subjects of other domains may have, too.
import { candidate, measured } from '../../../../test/support/events.ts';
import { tenantCells } from '../../../../test/support/tenant-cells.ts';
import type { JsonObject } from '../../../ports/json.ts';
import { telemetry } from '../../telemetry/domain.ts';
import { catalog } from '../domain.ts';

/** Longer than anything that was under way when an erasure began. */
const DRAIN_MS = 130_000;

/** A device that sends readings, and an item and a customer of the catalogue with the same id. */
async function filled() {
  const cells = tenantCells([telemetry, catalog]);
  const { ask, clock, cell, send } = cells;
  const headers = { 'content-type': 'application/json' };
  await send('home', [candidate({ id: 'a', subject: 'pump-1', data: measured('temperature', 20) })]);
  for (const [path, body] of [
    ['devices/pump-1', { name: 'Pump' }],
    ['customers/pump-1', { name: 'Customer' }],
  ] as const)
    await ask('home', `/v1/catalog/${path}`, { method: 'PUT', headers, body });
  await cell('home').pump();
  const erased = async (subject: string) => {
    const until = new Date(clock.now()).toISOString();
    const step = async (phase: string, pass: number) => {
      const body: JsonObject = { erasure: 'e-1', subject, until, phase, pass };
      return (await ask('home', '/v1/erasures', { method: 'POST', body })).body;
    };
    await step('mark', 1);
    for (const pass of [1, 2]) {
      clock.jump(DRAIN_MS);
      for (let done: unknown = false; done !== true; ) ({ done } = await step('sweep', pass));
    }
    await step('close', 1);
  };
  const kept = async (path: string) => {
    const partition = `catalog.${path.split('/')[0]}|acme`;
    return (await cell('home').state.get({ partition, id: 'pump-1' })) !== undefined;
  };
  return { ...cells, erased, kept };
}

test('an item of the catalogue stays when the events of a device with its id are erased', async () => {
  const { erased, kept, ask } = await filled();
  await erased('pump-1');
  expect((await ask('home', '/v1/devices/pump-1')).status).toBe(404);
  expect([await kept('devices/pump-1'), await kept('customers/pump-1')]).toEqual([true, true]);
});

test('an item is erased by its own subject, and neither the device nor the customer with its id', async () => {
  const { erased, kept, ask } = await filled();
  await erased('device:pump-1');
  expect((await ask('home', '/v1/catalog/devices/pump-1')).status).toBe(404);
  expect([await kept('devices/pump-1'), await kept('customers/pump-1')]).toEqual([false, true]);
  expect((await ask('home', '/v1/devices/pump-1')).status).toBe(200);
  expect(JSON.stringify((await ask('home', '/v1/devices')).body)).toContain('pump-1');
});
