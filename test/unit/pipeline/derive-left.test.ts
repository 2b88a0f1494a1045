// What a log-only standby has left is derived in steps, of which each may be the last one of its process.
import { deriveLeft } from '../../../core/pipeline/derive-left.ts';
import { subjectIndex } from '../../../core/pipeline/subject-index.ts';
import { UNDERIVED_LIMITS, underivedNotes } from '../../../core/pipeline/underived.ts';
import { PortError } from '../../../core/ports/errors.ts';
import type { Store } from '../../../core/ports/store.ts';
import { Crash, type CrashPlan, crashing } from '../../support/crashing.ts';
import { candidate, measured } from '../../support/events.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

/** The cell standby has left the copies a, b and c of two subjects, and is to serve; `process` is a new process of it. */
async function takenOver() {
  const where = tenantCells();
  where.state.standbyMode = 'log-only';
  await where.tell('standby');
  const event = (id: string, subject: string) => candidate({ id, subject, data: measured('temperature', 1) });
  await where.send('home', [event('a', 'pump-1'), event('b', 'pump-1'), event('c', 'pump-2')]);
  await where.push('home');
  const { events, state, ids, pump } = where.cell('standby');
  await pump();
  where.state.switches = 1;
  await where.tell('standby');
  await where.send('standby', [event('own', 'pump-1')]);
  where.clock.jump(UNDERIVED_LIMITS.settleMs);
  const applied: string[] = [];
  const process = (plan: CrashPlan = { left: 0, after: false }, failing: { reason?: string } = {}) => {
    const of: Store = crashing(state, plan);
    const notes = underivedNotes('standby', of, where.clock);
    const work = deriveLeft({
      ...{ cell: 'standby', events, state: of, notes, ids, clock: where.clock },
      subjects: subjectIndex({ events, state }),
      consumers: () =>
        new Map([
          [
            'rollups',
            {
              types: ['io.polycell.reading.v1'],
              consumer: {},
              deliver: async (messages) => {
                applied.push(...messages.flatMap((each) => ('event' in each ? [each.event.id] : [])));
                return messages.map(() =>
                  failing.reason === undefined
                    ? { status: 'done' as const }
                    : { status: 'retry' as const, reason: failing.reason },
                );
              },
            },
          ],
        ]),
    });
    return () => work({ tenant: 'acme', ahead: false });
  };
  const note = () => underivedNotes('standby', state, where.clock).of('acme');
  return { ...where, process, applied, note };
}

test('copies are applied to consumers of their types, and what the cell has accepted itself is not', async () => {
  const t = await takenOver();
  expect(await t.process()()).toEqual({ subjects: 2, events: 3, done: true });
  expect(t.applied.sort()).toEqual(['a', 'b', 'c']);
  expect(await t.note()).toMatchObject({ underivedSince: null, from: null });
  expect(await t.process()()).toEqual({ subjects: 0, events: 0, done: true });
  expect(t.applied).toHaveLength(3);
});

test.each([false, true])(
  'an end of the process at any request (carried out: %s) leaves nothing underived that is noted as derived',
  async (after) => {
    let crashed = true;
    for (let left = 1; crashed; left += 1) {
      const t = await takenOver();
      crashed = false;
      await t
        .process({ left, after })()
        .catch((error: unknown) => {
          if (!(error instanceof Crash)) throw error;
          crashed = true;
        });
      if ((await t.note()).underivedSince === null) expect([...new Set(t.applied)].sort()).toEqual(['a', 'b', 'c']);
      // A step that was killed is taken for one that is under way for half a minute.
      t.clock.jump(60_000);
      expect(await t.process()()).toMatchObject({ done: true });
      expect([...new Set(t.applied)].sort()).toEqual(['a', 'b', 'c']);
      expect((await t.note()).underivedSince).toBeNull();
      expect(left).toBeLessThan(40);
    }
  },
);

test('a consumer that is throttled has the step end early, with the reason, and the next one goes on there', async () => {
  const t = await takenOver();
  const failing: { reason?: string } = { reason: 'throttled: slow down' };
  const step = t.process(undefined, failing);
  expect(await step()).toMatchObject({ done: false, waiting: 'unavailable: throttled: slow down' });
  expect((await t.note()).underivedSince).not.toBeNull();
  delete failing.reason;
  expect(await step()).toEqual({ subjects: 2, events: 3, done: true });
});

test('a note that others change all the time is given up after so many attempts', async () => {
  const t = await takenOver();
  let tries = 0;
  const busy: Store = {
    ...t.cell('standby').state,
    put: async () => {
      tries += 1;
      throw new PortError('conflict', 'another was faster');
    },
  };
  await expect(underivedNotes('standby', busy, t.clock).follow('acme', async () => true)).rejects.toMatchObject({
    code: 'conflict',
  });
  expect(tries).toBe(UNDERIVED_LIMITS.attempts);
});
