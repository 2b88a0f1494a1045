// The control API of a failback: it says at once what the gate knows, and what to do while cells are being compared.
import type { ControlApiDeps } from '../../../../core/edge/control/control-api.ts';
import type { FailbackComparison, FailbackView } from '../../../../core/edge/ports/failback-gate.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { IDLE_MOVER, openApi } from '../../../support/control-api.ts';
import { START } from '../../../support/fake-clock.ts';

const why = { reason: 'its region is back' };

const underWay: FailbackComparison = {
  ...{ startedAt: START - 9000, endedAt: null, tenants: 12, looked: 3, complete: false },
  ...{ behind: 1, missing: 2, reasons: ['acme: 2 events of beta are not in alpha'] },
};
const ended: FailbackComparison = { ...underWay, endedAt: START - 4000, looked: 12, complete: true, behind: 7 };

/** The API where alpha is down, and a gate with this view. */
async function down(answer: () => Promise<Omit<FailbackView, 'cell'>>) {
  const asked: unknown[] = [];
  const gate: ControlApiDeps['gate'] = {
    caughtUp: async (cell, ...more) => {
      asked.push([cell, ...more]);
      return { cell, ...(await answer()) };
    },
  };
  const api = openApi({}, undefined, undefined, IDLE_MOVER, undefined, gate);
  const place = { cloud: 'aws', region: 'r', jurisdiction: 'eu', endpoint: 'https://alpha.example' };
  await api.call('PUT', 'cells/alpha', { ...place, capacity: 1, price: 1, failover: 'approve', ...why });
  await api.call('POST', 'failovers', { cell: 'alpha', partial: true, ...why });
  const back = (more: object = {}, query = '') => api.call('POST', `failovers/alpha/back${query}`, { ...more, ...why });
  return { ...api, asked, back };
}

test('while cells are compared it is refused at once, with the progress and when to ask again', async () => {
  const { back, call, asked } = await down(async () => ({ state: 'comparing', running: underWay, latest: null }));
  for (const query of ['', '?dryRun=1']) {
    const { status, body, headers } = await back({}, query);
    expect([status, body.code, headers.get('retry-after')]).toEqual([409, 'not_caught_up', '1']);
    expect(body.detail).toBe(
      'It is not known yet whether alpha has every event: the cells are being compared, 3 of 12 tenants looked at, acme: 2 events of beta are not in alpha. Repeat the command; to fail back before, use --force.',
    );
  }
  expect((await call('GET', 'failovers/alpha/comparison')).body).toEqual({
    ...{ cell: 'alpha', state: 'comparing', running: underWay, latest: null },
  });
  // Only an order begins a comparison.
  expect(asked).toEqual([
    ['alpha', 1, true],
    ['alpha', 1, true],
    ['alpha', 1, false],
  ]);
});

test('what a comparison has found missing is said with its age', async () => {
  const { back } = await down(async () => ({ state: 'behind', running: null, latest: ended }));
  const { status, body, headers } = await back();
  expect([status, body.code, headers.get('retry-after')]).toEqual([409, 'not_caught_up', '5']);
  expect(body.detail).toContain(
    'acme: 2 events of beta are not in alpha; and 6 tenants more (12 of 12 tenants looked at, 4 s ago)',
  );
});

test('where nothing is missing it goes back, and a forced one goes back in any case and says what is known', async () => {
  const open = await down(async () => ({ state: 'caught-up', running: null, latest: ended }));
  expect((await open.back()).body).toMatchObject({ status: 'applied', notes: [] });
  expect((await open.back()).body).toMatchObject({ status: 'unchanged' });
  // A cell that is not down is not compared.
  expect(open.asked).toHaveLength(1);
  const known = async () => ({ state: 'comparing', running: underWay, latest: ended }) as const;
  const { body } = await (await down(known)).back({ force: true });
  expect(body).toMatchObject({ status: 'applied', notes: [expect.stringContaining('3 of 12 tenants looked at')] });
  expect(body.notes[0]).toContain('; before: acme: 2 events');
  const nothing = await down(async () => ({ state: 'unknown', running: null, latest: null }));
  expect((await nothing.back({ force: true })).body.notes).toEqual([
    'Missing until they come: the cells have not been compared since.',
  ]);
});

test('without an answer of the monitor only a forced failback is made', async () => {
  const { back, refused } = await down(() => Promise.reject(new PortError('unavailable', 'It is away.')));
  expect(await refused('POST', 'failovers/alpha/back', why)).toBe('503 monitor_unavailable');
  expect(await refused('GET', 'failovers/alpha/comparison')).toBe('503 monitor_unavailable');
  expect(await refused('GET', 'failovers/beta/comparison')).toBe('404 unknown_cell');
  expect((await back({ force: true })).body).toMatchObject({
    status: 'applied',
    notes: ['Missing until they come: the monitor, which has cells compared, does not answer.'],
  });
});
