// Rollups of a metric that comes in several units: kept apart, paged, and moved out of the documents of an earlier release.
import type { StoreCursor } from '../../../ports/store.ts';
import { partitions } from '../partitions.ts';
import { telemetryQueries } from '../queries.ts';
import { rollups } from '../rollups.ts';
import { DEVICE, deliver, TENANT, type World, world } from './workers.ts';

const made = (second: number, value: number, unit?: string) => ({
  id: `r-${second}`,
  second,
  metric: 't',
  value,
  ...(unit !== undefined && { unit }),
});

const READINGS = [made(0, 20, 'Cel'), made(1, 68, '[degF]'), made(2, 22, 'Cel'), made(3, 1)];

async function rolledUp(readings = READINGS): Promise<World> {
  const here = world();
  await deliver(here, rollups.create(here.deps), readings, [{ worker: 0, events: readings.map((_, index) => index) }]);
  return here;
}

const shown = async ({ events, state }: World, limit = 1000, cursor?: StoreCursor) => {
  const { items, next } = await telemetryQueries({ events, state }).rollups(TENANT, DEVICE, {
    window: '1m',
    metric: 't',
    limit,
    cursor,
  });
  return { rows: items.map(({ unit, count, sum }) => `${unit ?? '-'} ${count} ${sum}`), next };
};

test('each unit has a rollup of its own, and so have readings without one', async () => {
  expect((await shown(await rolledUp())).rows).toEqual(['- 1 1', 'Cel 2 42', '[degF] 1 68']);
});

test.each([1, 2])('pages of %d end within a window, and nothing is missing or shown twice', async (limit) => {
  const here = await rolledUp([...READINGS, made(60, 5), made(61, 6, 'Cel')]);
  const rows: string[] = [];
  let cursor: StoreCursor | undefined;
  do {
    const page = await shown(here, limit, cursor);
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    cursor = page.next;
  } while (cursor !== undefined && rows.length < 10);
  expect(rows).toEqual(['- 1 1', 'Cel 2 42', '[degF] 1 68', '- 1 5', 'Cel 1 6']);
});

test('documents of an earlier release, which added all units up, come apart as their minutes are derived again', async () => {
  const here = world();
  const readings = [made(0, 20, 'Cel'), made(1, 68, '[degF]'), made(2, 22, 'Cel')];
  await here.store(readings);
  const partition = partitions.rollups.of(TENANT, DEVICE);
  const last = { value: 68, time: '2026-11-20T23:50:01Z', position: '2026-11-20T23:50:01!AAAAAAAAAAAAAAAA' };
  const old = { metric: 't', count: 2, min: 20, max: 68, sum: [88], last };
  for (const id of ['1m!t!2026-11-20T23:50', '1h!t!2026-11-20T23', '1d!t!2026-11-20'])
    await here.state.put({ partition, id, body: old }, 'any');
  expect((await shown(here)).rows).toEqual(['- 2 88']);
  await deliver(here, rollups.create(here.deps), readings, [{ worker: 0, events: [2] }]);
  expect((await shown(here)).rows).toEqual(['Cel 2 42', '[degF] 1 68']);
  const day = await telemetryQueries(here).rollups(TENANT, DEVICE, { window: '1d', metric: 't', limit: 10 });
  expect(day.items.map(({ unit, count, sum }) => `${unit} ${count} ${sum}`)).toEqual(['Cel 2 42', '[degF] 1 68']);
});
