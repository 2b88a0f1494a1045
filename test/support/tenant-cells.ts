// The two cells of a tenant, in memory, each with a key of its own, and the edge's part in what they send to each other.
import { assignmentSigner } from '../../core/cell/assignment.ts';
import type { AskForLeases } from '../../core/cell/lease-keeper.ts';
import { routeTokenSigner } from '../../core/cell/route-token.ts';
import type { Application } from '../../core/domain/application.ts';
import { replicaDeriver, replicaPusher } from '../../core/edge/cells/replica-pusher.ts';
import { assigner } from '../../core/edge/directory/assigner.ts';
import { fenceRequest } from '../../core/edge/monitor/fence-request.ts';
import { type Cell, EPOCH_STRIDE, type StandbyMode, type Tenant } from '../../core/edge/ports/directory-model.ts';
import type { Fetch } from '../../core/lib/timed-fetch.ts';
import { claiming, updates } from '../../core/pipeline/claiming-consumer.ts';
import { toEpochSeconds } from '../../core/ports/clock.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import type { PrivateKey } from '../../core/ports/keys.ts';
import { NOTE_LIMITS } from '../../core/replication/notes.ts';
import type { PushProgress } from '../../core/replication/push.ts';
import { readAll } from '../contract/store/harness.ts';
import { type TestCell, testCell } from './cell.ts';
import { FakeClock } from './fake-clock.ts';
import { meters } from './meters.ts';
import { CELL_KEY, EDGE_KEY, publicPart, SECOND_KEY, STRANGERS_KEY } from './route-tokens.ts';

export const KEYS: Readonly<Record<string, PrivateKey>> = {
  home: CELL_KEY,
  standby: { ...STRANGERS_KEY, kid: 'cell-key-2' },
  third: { ...SECOND_KEY, kid: 'cell-key-3' },
};

const tally = claiming({
  name: 'tally',
  types: ['io.polycell.reading.v1'],
  effects: updates<{ readonly count: number }>({
    idOf: () => 'total',
    initial: () => ({ count: 0 }),
    apply: ({ count }) => ({ count: count + 1 }),
  }),
});

const WITH_TALLY: Application = [{ ...meters, consumers: [...meters.consumers, tally] }];

/** What takes long is there at once, so that no request runs out of time; a pause of a second or less is over at once. */
class BriefPauses extends FakeClock {
  override sleep(milliseconds: number): Promise<void> {
    if (milliseconds > 1000) return super.sleep(milliseconds);
    this.jump(milliseconds);
    return Promise.resolve();
  }
}

export const endpointOf = (id: string) => `https://${id}.example`;

export interface TenantCellsOptions {
  /** How a cell's workers ask for leases; they need none without it. */
  readonly ask?: (id: string) => AskForLeases;
  /** Answers in place of a cell. */
  readonly instead?: (id: string, request: Request) => Response | undefined | Promise<Response | undefined>;
}

/** The cells home and standby, and what the edge does; `epoch` is that of the tenant, `down` cells cannot be reached. */
export function tenantCells(application: Application = WITH_TALLY, { ask: asks, instead }: TenantCellsOptions = {}) {
  const cells = new Map<string, TestCell>();
  const down = new Set<string>();
  const bodies: Uint8Array[] = [];
  const fetch: Fetch = async (request) => {
    const id = new URL(request.url).hostname.replace('.example', '');
    const cell = KEYS[id] && cellOf(id);
    if (cell === undefined || down.has(id)) throw new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } });
    if (request.url.endsWith('/v1/replica/events')) bodies.push(new Uint8Array(await request.clone().arrayBuffer()));
    return (await instead?.(id, request)) ?? cell.handle(request);
  };
  const clock = new BriefPauses();
  /** A cell is made when it is first needed: most tests need two. */
  const cellOf = (id: string): TestCell => {
    const own = { application, id, clock, fetch, identityKey: KEYS[id] as PrivateKey };
    const known = cells.get(id) ?? testCell({ ...own, ...(asks !== undefined && { ask: asks(id) }) });
    cells.set(id, known);
    return known;
  };
  const record = (id: string): Cell => ({
    id,
    cloud: id === 'home' ? 'aws' : 'azure',
    region: `region-of-${id}`,
    jurisdiction: 'eu',
    endpoint: endpointOf(id),
    capacity: 1,
    price: 1,
    failover: 'automatic',
    keys: [publicPart(KEYS[id] as PrivateKey)],
    state: 'active',
    switches: 0,
    revision: 1,
  });
  const tenant: Tenant = {
    id: 'acme',
    cell: 'home',
    standby: 'standby',
    epochBase: 1,
    residency: 'any',
    tier: 'standard',
    pinned: false,
    revision: 1,
  };
  const assign = assigner(assignmentSigner(EDGE_KEY), clock);
  const pusher = replicaPusher({
    fetch,
    clock,
    sign: routeTokenSigner(EDGE_KEY),
    assign,
  });
  const deriver = replicaDeriver({ fetch, clock, sign: routeTokenSigner(EDGE_KEY), assign });
  const state: { switches: number; standby: boolean; moved: boolean; placements: number; standbyMode: StandbyMode } = {
    ...{ switches: 0, standby: true, moved: false, placements: 0, standbyMode: 'warm' },
  };
  /** The tenant’s record now, with its home and standby; the other way about once it was moved. */
  const pair = () => {
    const [home, standby] = state.moved ? ['standby', 'home'] : ['home', 'standby'];
    const present: Tenant = {
      ...{ ...tenant, cell: String(home), standby: String(standby) },
      epochBase: tenant.epochBase + state.placements * EPOCH_STRIDE,
      ...(state.standbyMode !== 'warm' && { standbyMode: state.standbyMode }),
    };
    return {
      tenant: present,
      home: { ...record(String(home)), switches: state.switches },
      standby: record(String(standby)),
    };
  };
  const epochNow = (): number => pair().tenant.epochBase + state.switches;
  const step = (from: string, restart = false, verify = false, contents = false) =>
    pusher({ ...pair(), ...{ from, restart, verify, contents } });
  const push = async (from: string, verify = false, contents = false): Promise<PushProgress> => {
    for (let steps = 0; steps < 20; steps += 1) {
      const progress = await step(from, steps === 0, verify, contents);
      if (typeof progress === 'string') throw new Error(progress);
      if (progress.done === true) return progress as unknown as PushProgress;
      if (progress.waiting !== undefined) throw new Error(String(progress.waiting));
    }
    throw new Error('It is not done after 20 steps.');
  };
  const placed = () => ({ ...pair(), standby: state.standby ? pair().standby : null });
  const fence = fenceRequest({ fetch, clock, sign: routeTokenSigner(EDGE_KEY), assign }, 2000);
  /** Sends a cell the present epoch and assignment, as the monitor does. */
  const tell = (id: string) => fence(record(id), tenant.id, epochNow(), placed());
  /** One step of deriving what the cell has left underived. */
  const derive = (at: string, ahead = false) => deriver({ ...placed(), at, ahead });
  /** Makes a cell and its other one know of each other, long enough ago that nothing of before is missing. */
  const join = async (id: string) => {
    await tell(id);
    clock.jump(NOTE_LIMITS.settleMs);
    await push(id);
  };
  /** Lets a cell relay, derive and send on what it has, once. */
  const flow = async (id: string) => {
    await cellOf(id).pump();
    await cellOf(id).replicate();
  };
  const tokenFor = (id: string, epoch: number) => {
    const iat = toEpochSeconds(clock.now());
    return { claims: { cel: id, epo: epoch, iat, exp: iat + 30 } };
  };
  const send = (id: string, batch: readonly JsonObject[], epoch = epochNow()) =>
    cellOf(id).post(batch, { token: tokenFor(id, epoch) });
  const ask = (id: string, path: string, more: Parameters<TestCell['call']>[1] = {}) =>
    cellOf(id).call(path, { token: tokenFor(id, epochNow()), ...more });
  const log = async (id: string, subject = 'pump-1') =>
    (await readAll(cellOf(id).events, `acme|${subject}`)).map(({ version: _, ...rest }) => rest);
  return {
    clock,
    cell: cellOf,
    send,
    ask,
    step,
    push,
    pusher,
    epochNow,
    deriver,
    derive,
    fence,
    tell,
    join,
    assignment: () => assign(placed()),
    flow,
    placed,
    fetch,
    log,
    state,
    down,
    bodies,
    record,
    tenant,
  };
}
