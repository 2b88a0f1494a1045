// A push reads a log in large pages, compares and sends it in parts, and works on no more than it may in one step.
import { toLogDocument } from '../../../core/events/cloud-event.ts';
import { withDigest } from '../../../core/events/copies.ts';
import { WALK_LIMITS } from '../../../core/pipeline/log-walk.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import { COMPARISON_LIMITS } from '../../../core/replication/comparison.ts';
import { DIGEST_LIMITS } from '../../../core/replication/digests.ts';
import { PUSH_LIMITS } from '../../../core/replication/push.ts';
import { measured, reading } from '../../support/events.ts';
import { tenantCells } from '../../support/tenant-cells.ts';

const START = Date.parse('2026-11-01T00:00:00.000Z');

/** Events of one subject of these numbers, one a second. */
const documents = (from: number, to: number, origin = 'home', subject = 'pump-1') =>
  Array.from({ length: to - from }, (_, index) => {
    const time = new Date(START + (from + index) * 1000).toISOString();
    const event = reading({ id: `e${from + index}`, subject, time, data: measured('temperature', 1) });
    return toLogDocument('acme', event, { origin, epoch: 1 });
  });

/** The cells, with these events in each. */
async function filled(home: ReturnType<typeof documents>, standby: ReturnType<typeof documents> = []) {
  const where = tenantCells();
  await where.cell('home').events.append(home);
  await where.cell('standby').events.append(standby);
  return where;
}

const step = async (
  where: ReturnType<typeof tenantCells>,
  how: { restart?: boolean; verify?: boolean; budget?: number },
) => {
  const progress = await where.pusher({
    ...{ tenant: where.tenant, home: where.record('home'), standby: where.record('standby'), from: 'home' },
    ...{ restart: false, verify: false, ...how },
  });
  if (typeof progress === 'string') throw new Error(progress);
  return progress;
};

test('a comparison counts each event that the other cell lacks, however many more its answer could name', async () => {
  expect(DIGEST_LIMITS.lacking).toBeLessThan(PUSH_LIMITS.comparedEvents);
  const { push } = await filled(documents(0, 1700), documents(600, 650));
  expect(await push('home', true)).toMatchObject({ same: 50, missing: 1650, different: 0, done: true });
});

test('a cell that answers for some of the ranges is asked for the others, and one that answers for none has none of them', async () => {
  const answers: number[] = [];
  let most = 2;
  const cut = async (id: string, request: Request): Promise<Response | undefined> => {
    if (id !== 'standby' || !request.url.endsWith('/v1/replica/digests')) return undefined;
    const answer = await where.cell(id).handle(request);
    const body = (await answer.json()) as JsonObject;
    if (!Array.isArray(body.equal) || body.equal.length === 0) return Response.json(body);
    answers.push(body.equal.length);
    return Response.json({ ...body, equal: body.equal.slice(0, most) });
  };
  const where = tenantCells(undefined, { instead: cut });
  const all = Array.from({ length: 6 }, (_, subject) => documents(0, 2, 'home', `pump-${subject}`)).flat();
  await where.cell('home').events.append(all);
  await where.cell('standby').events.append(all);
  expect(await where.push('home', true)).toMatchObject({ same: 12, missing: 0, done: true });
  // It answers for two of those that it is asked for.
  expect(answers).toEqual([6, 4, 2]);
  most = 0;
  // They are compared by their entries then.
  expect(await where.push('home', true)).toMatchObject({ same: 12, missing: 0, done: true });
});

test('what the other cell has nothing of is missing without a look at its entries, unless it may be on its way', async () => {
  let asked = 0;
  const where = tenantCells(undefined, {
    instead: (id, request) => {
      if (id === 'standby' && request.url.endsWith('/v1/replica/digests')) asked += 1;
      return undefined;
    },
  });
  const { clock } = where;
  const [last] = documents(99, 100);
  await where.cell('home').events.append(documents(0, 100));
  const time = Date.parse(`${last?.id.slice(0, 19)}Z`);
  clock.jump(time + COMPARISON_LIMITS.recentMs + 1 - clock.now());
  expect(await where.push('home', true)).toMatchObject({ missing: 100, same: 0, extra: 0, done: true });
  expect(asked).toBe(1);
  clock.jump(-2);
  expect(await where.push('home', true)).toMatchObject({ missing: 100, same: 0, extra: 0, done: true });
  // The entries, and those of the last minute once more.
  expect(asked).toBe(4);
});

test('a range of which the other cell has thousands of events more is compared all the same', async () => {
  // As after a failover: the standby has accepted between and behind what the home has.
  const home = [...documents(0, 1), ...documents(4000, 4001)];
  const { push } = await filled(home, [...home, ...documents(1, 4000), ...documents(4001, 7000)]);
  expect(await push('home', true)).toMatchObject({ same: 2, missing: 0, different: 0, done: true });
});

test('a request to compare more than a cell reads at once is refused, and does not count as equal', async () => {
  const home = [...documents(0, 1), ...documents(DIGEST_LIMITS.compared + 2000, DIGEST_LIMITS.compared + 2001)];
  const where = await filled(home, documents(1, DIGEST_LIMITS.compared + 1500));
  expect(await step(where, { verify: true })).toMatchObject({
    ...{ done: false, same: 0, missing: 0 },
    waiting: `unavailable: standby answers 400 invalid_body: The range has more than ${DIGEST_LIMITS.compared} events; ask for less.`,
  });
});

test('only parts that differ are sent', async () => {
  const all = documents(0, 1000);
  const where = await filled(all, [...all.slice(0, 250), ...all.slice(251)]);
  expect(await where.push('home')).toMatchObject({ stored: 1, same: 999, done: true });
  expect(where.bodies).toHaveLength(1);
  const counts = await where.push('home', true);
  expect(counts).toMatchObject({ same: 1000, missing: 0 });
});

test('a step ends with its budget, within a page, and the next one goes on behind it', async () => {
  const where = await filled(documents(0, 230));
  const seen: unknown[] = [];
  for (let restart = true, done = false; !done; restart = false) {
    const progress = await step(where, { restart, budget: 100 });
    seen.push([progress.documents, progress.stored]);
    done = progress.done === true;
  }
  expect(seen).toEqual([
    [100, 100],
    [100, 200],
    [30, 230],
  ]);
  expect(await where.log('standby')).toEqual(await where.log('home'));
});

test('a step says how many of its documents it has sent', async () => {
  const all = documents(0, 400);
  const where = await filled(all, [...all.slice(0, 250), ...all.slice(251)]);
  expect(await step(where, { restart: true, verify: true })).toMatchObject({ documents: 400, sent: 0 });
  expect(await step(where, { restart: true })).toMatchObject({ documents: 400, sent: 100 });
});

test('a step whose time is over sends no further part of its page, and the next one goes on behind it', async () => {
  const where = await filled(documents(0, 1000));
  Object.assign(where.bodies, { push: () => where.clock.jump(WALK_LIMITS.stepMs) });
  const first = await step(where, { restart: true });
  expect(first).toMatchObject({ documents: 500, stored: 500, done: false });
  expect(await step(where, {})).toMatchObject({ documents: 500, stored: 1000, same: 0 });
  expect(await step(where, {})).toMatchObject({ done: true });
  expect(await where.log('standby')).toEqual(await where.log('home'));
});

test('large events are sent as soon as they fill a request, so that a step whose time is over ends between them', async () => {
  const large = (subject: string) =>
    documents(0, 8, 'home', subject).map(({ body, ...rest }) =>
      withDigest({
        ...rest,
        body: { ...(body as JsonObject), data: { ...measured('temperature', 1), note: 'x'.repeat(150_000) } },
      }),
    );
  const where = await filled(['pump-1', 'pump-2', 'pump-3', 'pump-4'].flatMap(large));
  Object.assign(where.bodies, { push: () => where.clock.jump(WALK_LIMITS.stepMs) });
  expect(await step(where, { restart: true })).toMatchObject({ documents: 8, sent: 8, done: false });
  for (let done = false; !done; ) done = (await step(where, {})).done === true;
  expect(await where.log('standby')).toEqual(await where.log('home'));
});

test('what a step has sent counts also if a later request of it fails', async () => {
  let sent = 0;
  const where = tenantCells(undefined, {
    instead: (id, { url }) => {
      if (id === 'home' || !url.endsWith('/v1/replica/events')) return undefined;
      sent += 1;
      return sent === 2 ? Response.json({ code: 'unavailable' }, { status: 503 }) : undefined;
    },
  });
  await where.cell('home').events.append(documents(0, 1000));
  expect(await step(where, { restart: true })).toMatchObject({ documents: 0, sent: 500, done: false });
});

describe('many subjects with few events', () => {
  const logOf = (subjects: number, to: number, from = 0) =>
    Array.from({ length: subjects }, (_, index) => documents(from, to, 'home', `pump-${index}`)).flat();

  /** The cells, with these events, and how many requests the standby gets, by what they are for. */
  async function counted(
    home: ReturnType<typeof documents>,
    standby: ReturnType<typeof documents> = [],
    isOld = false,
  ) {
    const asked: Record<string, number> = {};
    const where = tenantCells(undefined, {
      instead: async (id, request) => {
        const name = new URL(request.url).pathname.split('/').at(-1) ?? '';
        if (id === 'home') return undefined;
        asked[name] = (asked[name] ?? 0) + 1;
        if (!isOld || name !== 'digests') return undefined;
        const answer = await where.cell(id).handle(request);
        const { further: _, empty: __, ...known } = (await answer.json()) as JsonObject;
        return Response.json(known, { status: answer.status });
      },
    });
    await where.cell('home').events.append(home);
    await where.cell('standby').events.append(standby);
    const made = async (verify: boolean) => {
      for (const name of Object.keys(asked)) delete asked[name];
      const counts = await where.push('home', verify);
      return { counts, asked: { ...asked } };
    };
    return { ...where, made };
  }

  test('share requests: for 100 subjects of 3 events, five compare them, and five send them', async () => {
    const { made, log } = await counted(logOf(100, 3));
    const before = await made(true);
    expect(before.counts).toMatchObject({ subjects: 100, missing: 300, same: 0, done: true });
    expect(before.asked).toEqual({ digests: 5 });
    const sent = await made(false);
    expect(sent.counts).toMatchObject({ subjects: 100, stored: 300, done: true });
    // The last one says that all is there.
    expect(sent.asked).toEqual({ digests: 6, events: 5 });
    const after = await made(true);
    expect(after.counts).toMatchObject({ subjects: 100, missing: 0, same: 300 });
    expect(after.asked).toEqual({ digests: 6 });
    expect(await log('standby', 'pump-99')).toEqual(await log('home', 'pump-99'));
  });

  test('that differ are compared by as many as one answer can name, one at a time by a cell of an earlier release', async () => {
    const logs = logOf(20, 30);
    const expected = { subjects: 20, missing: 600, same: 0, done: true };
    // The standby has one of each subject that the home has not.
    const standby = logOf(20, 31, 30);
    const { made } = await counted(logs, standby);
    // Six subjects lack 180 events, and seven would be more than 200.
    expect(await made(true)).toMatchObject({ counts: expected, asked: { digests: 1 + 4 } });
    const older = await counted(logs, standby, true);
    expect(await older.made(true)).toMatchObject({ counts: expected, asked: { digests: 1 + 20 } });
    const named = await counted(logOf(20, DIGEST_LIMITS.lacking / 20), standby);
    expect(await named.made(true)).toMatchObject({ counts: { missing: 200 }, asked: { digests: 2 } });
  });

  test('of which the newest event is on its way are looked at once more after one pause', async () => {
    const where = await counted([]);
    const now = new Date(where.clock.now() - 1000).toISOString();
    const recent = Array.from({ length: 12 }, (_, index) =>
      toLogDocument(
        'acme',
        reading({ id: 'e', subject: `pump-${index}`, time: now, data: measured('temperature', 1) }),
        {
          ...{ origin: 'home', epoch: 1 },
        },
      ),
    );
    const home = where.cell('home').events;
    await home.append(recent);
    await where.cell('standby').events.append(recent.slice(0, 2));
    const began = where.clock.now();
    const { counts, asked } = await where.made(true);
    expect(counts).toMatchObject({ subjects: 12, missing: 10, same: 2 });
    expect(where.clock.now() - began).toBe(COMPARISON_LIMITS.secondLookMs);
    expect(asked).toEqual({ digests: 3 });
  });
});
