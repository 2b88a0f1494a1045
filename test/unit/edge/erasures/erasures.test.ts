// Events are erased in whole cells in memory, while they come again in every way, and while the eraser ends at any of its requests.
import { MemoryDirectoryStorage } from '../../../../adapters/memory/memory-directory-storage.ts';
import { jwsSigner, jwsVerifier } from '../../../../core/cell/jws.ts';
import { routeTokenSigner } from '../../../../core/cell/route-token.ts';
import { erasureRequest } from '../../../../core/edge/cells/erasure-request.ts';
import { holdingsQuestion } from '../../../../core/edge/cells/holdings-question.ts';
import { createDirectory } from '../../../../core/edge/directory/directory.ts';
import { createErasures } from '../../../../core/edge/erasures/erasures.ts';
import { advanced, CERTIFICATE_TYPE, ERASURE_LIMITS, newCell } from '../../../../core/edge/erasures/steps.ts';
import type { DirectoryCommand } from '../../../../core/edge/ports/directory-model.ts';
import type { CellErasure, Erasure, ErasureAnswer, ErasureState } from '../../../../core/edge/ports/erasures.ts';
import type { Json } from '../../../../core/ports/json.ts';
import { Crash, crashing } from '../../../support/crashing.ts';
import { candidate, measured } from '../../../support/events.ts';
import { countingIds } from '../../../support/ids.ts';
import { MemoryMonitorStorage } from '../../../support/monitor-storage.ts';
import { RecordingLog } from '../../../support/recording-log.ts';
import { EDGE_KEY, publicPart } from '../../../support/route-tokens.ts';
import { endpointOf, KEYS, tenantCells } from '../../../support/tenant-cells.ts';

const BEFORE = '2026-11-21T07:41:01Z';
const UNTIL = '2026-11-21T07:41:02Z';
const AFTER = '2026-11-21T07:41:02.5Z';

const event = (id: string, time = BEFORE, subject = 'pump-1') =>
  candidate({ id, time, subject, data: measured('temperature', 1) });

const given = <T>(answer: ErasureAnswer<T>): T => {
  if ('value' in answer) return answer.value;
  throw new Error(`${answer.refused}: ${answer.detail}`);
};

/** Cells home, standby and third; acme is in home with standby, both have the events a and b of pump-1, and c of pump-2. */
async function erasing() {
  const where = tenantCells();
  const { clock } = where;
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const intent = { actor: 'ops', reason: 'a test' };
  const change = (command: DirectoryCommand, more: object = {}) => directory.change(command, { ...intent, ...more });
  for (const id of Object.keys(KEYS)) {
    const { state: _, switches: __, revision: ___, keys = [], ...rest } = where.record(id);
    const proof = { cell: id, endpoint: endpointOf(id), keys };
    await change({ kind: 'add-cell', cell: { ...rest, keys, capacity: 10 } }, { proof });
  }
  const place = { residency: 'any', tier: 'standard', cell: 'home', standby: 'standby' } as const;
  await change({ kind: 'add-tenant', tenant: 'acme', ...place });
  await where.send('home', [event('a'), event('b', UNTIL), event('c', BEFORE, 'pump-2')]);
  for (const id of ['home', 'standby']) await where.tell(id);
  await where.push('home');
  for (const id of ['home', 'standby']) await where.cell(id).pump();
  const storage = new MemoryMonitorStorage();
  const log = new RecordingLog();
  let move: string | null = null;
  const start = (plan = { left: 0, after: false }) => {
    const asking = { fetch: where.fetch, clock, sign: routeTokenSigner(EDGE_KEY) };
    const { request } = crashing({ request: erasureRequest(asking) }, plan);
    return createErasures({
      directory: crashing(directory, plan),
      request,
      holdings: holdingsQuestion(asking),
      moving: async () => move,
      sign: jwsSigner(EDGE_KEY, CERTIFICATE_TYPE),
      storage: crashing(storage, plan),
      ...{ clock, ids: countingIds(), log },
    });
  };
  let eraser = start();
  const shown = async () => (await eraser.erasures({ limit: 10 })).items[0] as Erasure;
  const order = (more: { subject?: string | null; until?: string } = {}, dryRun = false) =>
    eraser.erase({ tenant: 'acme', subject: 'pump-1', until: UNTIL, ...intent, ...more }, dryRun);
  /** Rounds until it is at this state, as time passes. */
  const until = async (state: ErasureState): Promise<Erasure> => {
    for (let rounds = 0; rounds < 60; rounds += 1) {
      const erasure = await shown();
      if (erasure.state === state) return erasure;
      const next = await eraser.round();
      if (next !== null && next > clock.now()) clock.jump(next - clock.now());
    }
    throw new Error(`It does not get to ${state}: ${JSON.stringify(await shown())}`);
  };
  const textOf = async (id: string) => {
    const found = Object.entries(await where.cell(id).stored());
    return JSON.stringify([found.filter(([, some]) => Object.keys(some).length > 0), await where.log(id)]);
  };
  return {
    ...{ where, clock, directory, change, storage, log, order, shown, until, textOf, start },
    eraser: () => eraser,
    restart: (plan?: { left: number; readonly after: boolean }) => {
      eraser = start(plan);
    },
    setMove: (problem: string | null) => {
      move = problem;
    },
  };
}

const idsOf = (answer: { body: { results?: unknown } }) =>
  (answer.body.results as { id: string; status: string; error?: { code: string } }[]).map(
    ({ id, status, error }) => `${id} ${error?.code ?? status}`,
  );

test('a subject is erased in home and standby, a late copy and a repeat do not bring it back, and later events are accepted', async () => {
  const { order, until, textOf, where, directory } = await erasing();
  const ordered = given(await order());
  expect(ordered).toMatchObject({ state: 'erasing', subject: 'pump-1', cells: { home: {}, standby: {} } });
  const { erasedAt } = await until('erased');
  for (const id of ['home', 'standby']) {
    expect(await textOf(id)).not.toContain('pump-1');
    expect(await where.log(id, 'pump-2')).toHaveLength(1);
  }
  expect(idsOf(await where.send('home', [event('a'), event('new', AFTER)]))).toEqual(['a erased', 'new accepted']);
  expect(await where.push('home')).toMatchObject({ stored: 1, erased: 0 });
  // As a cell would send them that had kept them somewhere.
  const certified = await until('certified');
  const { certificate, signed } = certified;
  expect(certificate).toMatchObject({
    ...{ erasure: ordered.id, tenant: 'acme', subject: 'pump-1', until: UNTIL, actor: 'ops', outOfReach: [] },
    cells: [
      { cell: 'home', sweeps: 2, kept: [] },
      { cell: 'standby', sweeps: 2, kept: [] },
    ],
  });
  const days = (at: string | undefined) => (Date.parse(at ?? '') - (erasedAt ?? 0)) / 86_400_000;
  expect(days(certificate?.certifiedAt)).toBeGreaterThanOrEqual(14);
  expect(days(certificate?.backupsExpireAt)).toBe(35);
  const verify = jwsVerifier([publicPart(EDGE_KEY)], { what: 'it', bytes: 8192, typ: CERTIFICATE_TYPE });
  expect(await verify(signed ?? '')).toMatchObject({ payload: certificate });
  // The audit log says who has ordered it, and not which subject.
  const [entry] = (await directory.audit({ limit: 1 })).items;
  expect(entry).toMatchObject({ actor: 'ops', command: { kind: 'erase-data', tenant: 'acme', scope: 'subject' } });
  expect(JSON.stringify(entry)).not.toContain('pump-1');
});

test('a tenant is erased, also where a copy was left, and after it was removed', async () => {
  const { order, until, textOf, where, change, restart } = await erasing();
  await change({ kind: 'remove-tenant', tenant: 'acme', keepData: true });
  restart();
  await order({ subject: null });
  await until('erased');
  for (const id of ['home', 'standby'])
    for (const name of ['pump-1', 'pump-2']) expect(await textOf(id)).not.toContain(name);
  expect(await where.log('home', 'pump-2')).toEqual([]);
});

test('whichever request it ends at, the eraser goes on, and nothing is left', async () => {
  for (const after of [false, true])
    for (let left = 1; left <= 43; left += 7) {
      const e = await erasing();
      e.restart({ left, after });
      let found = await e.order().catch((error: unknown) => error);
      e.restart();
      if (found instanceof Crash) found = await e.order();
      await e.eraser().round();
      // It ends once more, in the middle.
      e.restart({ left: Math.ceil(left / 3), after });
      await e
        .eraser()
        .round()
        .catch(() => undefined);
      e.restart();
      await e.until('erased');
      for (const id of ['home', 'standby']) expect(await e.textOf(id)).not.toContain('pump-1');
    }
});

test('a cell that is away is waited for, and what it holds is not taken back from it meanwhile', async () => {
  const { order, shown, eraser, clock, where, until, textOf } = await erasing();
  await order();
  where.down.add('standby');
  for (let rounds = 0; rounds < 40; rounds += 1) {
    await eraser().round();
    clock.jump(60_000);
  }
  expect(await shown()).toMatchObject({
    state: 'erasing',
    cells: { home: { step: 'done' }, standby: { step: 'mark', problem: 'standby does not answer: ECONNREFUSED' } },
  });
  where.down.clear();
  // The standby sends all that it has.
  expect(await where.push('standby')).toMatchObject({ stored: 0, erased: 2 });
  await until('erased');
  for (const id of ['home', 'standby']) expect(await textOf(id)).not.toContain('pump-1');
});

test('a cell that may hold a copy and is away keeps no order from being taken, and is waited for in the end', async () => {
  const { order, shown, eraser, clock, where, until, change } = await erasing();
  where.down.add('third');
  expect(Object.keys(given(await order()).cells)).toEqual(['home', 'standby']);
  for (let rounds = 0; rounds < 40; rounds += 1) {
    await eraser().round();
    clock.jump(60_000);
  }
  expect(await shown()).toMatchObject({
    ...{ state: 'erasing', cells: { home: { step: 'done' }, standby: { step: 'done' } } },
    problem: 'Whether third holds events of acme is not known: it cannot be asked: ECONNREFUSED',
  });
  where.down.clear();
  await until('erased');
  // Of a tenant that is nowhere in the directory, a cell has to say so.
  await change({ kind: 'remove-tenant', tenant: 'acme', keepData: true });
  for (const id of ['home', 'standby', 'third']) where.down.add(id);
  expect(await order({ subject: 'pump-2' })).toMatchObject({ refused: 'cell_unavailable' });
});

test('a cell that gets the tenant in the middle is erased as well, and one that gets it later knows what was', async () => {
  const { order, until, eraser, where, change, shown } = await erasing();
  await order();
  await eraser().round();
  await change({ kind: 'place-tenant', tenant: 'acme', standby: 'third', leaveData: true });
  const { cells } = await until('erased');
  expect(Object.keys(cells).sort()).toEqual(['home', 'standby', 'third']);
  const other = await erasing();
  await other.order();
  await other.until('erased');
  expect(given(await other.eraser().bringErasures('acme', ['third']))).toBe(1);
  expect((await other.shown()).cells.third).toMatchObject({ step: 'done', pass: 0 });
  // A client's repeat that comes to the new copy.
  expect(idsOf(await other.where.send('third', [event('a'), event('new', AFTER)]))).toEqual([
    'a erased',
    'new accepted',
  ]);
  other.where.down.add('third');
  await expect(other.eraser().bringErasures('acme', ['third'])).resolves.toMatchObject({ value: 1 });
  expect(where.down.size).toBe(0);
  expect((await shown()).state).toBe('erased');
});

test('a store that was restored erases again, and does not serve before it knows what was erased', async () => {
  const { order, until, eraser, where, textOf } = await erasing();
  const { events } = where.cell('standby');
  const kept = [];
  for (const { partition, id, body, beside } of await where.log('standby'))
    kept.push({ partition, id, body, ...(beside && { beside }) });
  await order();
  await until('certified');
  // A backup of before: with the events, and without the tombstones.
  await events.append(kept);
  for (const [partition, documents] of Object.entries(await where.cell('standby').stored()))
    if (partition === 'erased|acme')
      for (const id of Object.keys(documents)) await where.cell('standby').state.delete({ partition, id }, 'any');
  where.clock.jump(5000);
  expect(await eraser().cellErasures('standby')).toEqual({ erasures: 1, unmarked: 0 });
  expect(await eraser().replayErasures('standby')).toEqual({ erasures: 1, unmarked: 1 });
  await eraser().round();
  expect(await eraser().cellErasures('standby')).toEqual({ erasures: 1, unmarked: 0 });
  expect(idsOf(await where.send('standby', [event('a')], 2))).toEqual(['a erased']);
  await until('erased');
  expect(await textOf('standby')).not.toContain('pump-1');
  expect(await until('certified')).toMatchObject({ certificate: { tenant: 'acme' } });
});

test('a cell in which sweeps go on finding something is not done, and says so', () => {
  const found = (removed: number, at: CellErasure) =>
    advanced(at, 'sweep', { done: true, removed, kept: [] }, { subject: null }, 0);
  let cell: CellErasure = { ...newCell(0), step: 'sweep' };
  for (let pass = 1; pass < ERASURE_LIMITS.sweeps; pass += 1) {
    cell = found(1, cell);
    expect(cell).toMatchObject({ step: 'drain', pass: pass + 1, problem: null });
  }
  cell = found(1, cell);
  expect(cell).toMatchObject({ step: 'drain', problem: 'sweep 10 still found 1 documents' });
  expect(found(0, cell)).toMatchObject({ step: 'close', problem: null });
});

test('an order is previewed, repeated and refused', async () => {
  const { order, eraser, setMove, clock } = await erasing();
  const refused = async (...call: Parameters<typeof order>) => {
    const answer = await order(...call);
    return 'refused' in answer ? answer.refused : answer.value.id;
  };
  expect(given(await order({}, true)).cells).toMatchObject({ home: { step: 'mark' }, standby: { step: 'mark' } });
  expect((await eraser().erasures({ limit: 10 })).items).toEqual([]);
  expect(await eraser().round()).toBeNull();
  expect(await refused({ subject: 'a|b' })).toBe('invalid_body');
  const ahead = (milliseconds: number) => new Date(clock.now() + milliseconds).toISOString();
  expect(await refused({ until: ahead(ERASURE_LIMITS.futureMs + 1) })).toBe('invalid_body');
  expect(given(await order({ until: ahead(ERASURE_LIMITS.futureMs) }, true)).state).toBe('erasing');
  const none = { tenant: 'globex', subject: null, actor: 'ops', reason: 'a test' };
  expect(await eraser().erase(none, false)).toMatchObject({ refused: 'unknown_tenant' });
  setMove('acme is being moved.');
  expect(await refused()).toBe('move_under_way');
  setMove(null);
  const id = await refused();
  expect(await refused()).toBe(id);
  expect(await refused({ until: BEFORE })).toBe('erasure_under_way');
  expect(await eraser().underWay('acme')).toMatchObject({ id });
  // Another subject is another erasure.
  expect(await refused({ subject: 'pump-2' })).not.toBe(id);
  const first = await eraser().erasures({ limit: 1 });
  expect(first).toMatchObject({ items: [{}], next: expect.any(String) });
  expect(await eraser().erasures({ limit: 1, cursor: first.next ?? '' })).toMatchObject({ items: [{}], next: null });
  expect(await eraser().erasures({ limit: 10, tenant: 'globex' })).toEqual({ items: [], next: null });
});

test.each([
  ['under way', ERASURE_LIMITS.active, 'erasing', '100 erasures are under way.'],
  ['kept', ERASURE_LIMITS.kept, 'certified', '10000 erasures are kept, so that none of them comes back.'],
] as const)('no more erasures than the limit are %s', async (_what, most, state, detail) => {
  const { order, storage, restart } = await erasing();
  const example = given(await order({}, true));
  const put = async (from: number, to: number) => {
    for (let index = from; index < to; index += 1) {
      const id = `e-${index}`;
      await storage.put(`erasure/${id}`, {
        ...example,
        id,
        tenant: `t-${index}`,
        state,
        certificate: null,
      } as unknown as Json);
    }
    restart();
  };
  await put(0, most);
  expect(await order()).toEqual({ refused: 'no_capacity', detail });
  await storage.delete(`erasure/e-0`);
  restart();
  expect(given(await order())).toMatchObject({ tenant: 'acme' });
});
