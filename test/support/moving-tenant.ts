// Whole cells in memory, a tenant in one of them, and a mover that can be started again in the middle of its work.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import type { PushRequest } from '../../core/edge/cells/replica-pusher.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import { createMover, type MoverDeps } from '../../core/edge/mover/mover.ts';
import { type DirectoryCommand, epochOf } from '../../core/edge/ports/directory-model.ts';
import type { MoverAnswer, MoveView, Step } from '../../core/edge/ports/mover.ts';
import { NOTHING_TO_BRING } from './control-api.ts';
import { crashing } from './crashing.ts';
import { candidate, measured } from './events.ts';
import { MemoryMonitorStorage } from './monitor-storage.ts';
import { RecordingLog } from './recording-log.ts';
import { endpointOf, KEYS, tenantCells } from './tenant-cells.ts';

const event = (id: string) => candidate({ id, data: measured('temperature', 1) });

/** Cells home, standby and third, the tenant acme in home with this standby, and a mover that can be started again. */
export async function movingTenant(standby: string | null = 'standby') {
  const where = tenantCells();
  const { clock } = where;
  const directory = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const intent = { actor: 'ops', reason: 'a test' };
  const change = (command: DirectoryCommand, more: object = {}) => directory.change(command, { ...intent, ...more });
  for (const id of Object.keys(KEYS)) {
    const { state: _, switches: __, revision: ___, keys = [], ...rest } = where.record(id);
    const cell = { ...rest, keys, capacity: 10 };
    await change({ kind: 'add-cell', cell }, { proof: { cell: id, endpoint: endpointOf(id), keys } });
  }
  await change({ kind: 'add-tenant', tenant: 'acme', residency: 'any', tier: 'standard', cell: 'home', standby });
  const storage = new MemoryMonitorStorage();
  const log = new RecordingLog();
  let hasLongLogs = false;
  let isHalfWay = false;
  let watched: (request: PushRequest) => void = () => undefined;
  const start = (plan = { left: 0, after: false }) => {
    const deps: MoverDeps = {
      directory: crashing(directory, plan),
      push: async (request) => {
        watched(request);
        const { push } = crashing({ push: where.pusher }, plan);
        const found = await push(request);
        isHalfWay = hasLongLogs && !isHalfWay;
        return isHalfWay && typeof found !== 'string' ? { ...found, done: false } : found;
      },
      derive: (request) => crashing({ derive: where.deriver }, plan).derive(request),
      fence: where.fence,
      ...NOTHING_TO_BRING,
      storage: crashing(storage, plan),
      clock,
      log,
    };
    return createMover(deps);
  };
  let mover = start();
  const order = { tenant: 'acme', rate: null, pauseBefore: null, ...intent };
  const tenant = async () => {
    const { tenant: found, cells } = await directory.lookup('acme');
    const home = cells.find(({ id }) => id === found?.cell);
    if (found === null || home === undefined) throw new Error('There is no tenant.');
    return { ...found, epoch: epochOf(found, home) };
  };
  const acknowledged: string[] = [];
  /** A client’s event by a router that knows where the home is now, or was when it was informed. */
  const send = async (id: string, route?: { readonly cell: string; readonly epoch: number }) => {
    const { cell, epoch } = route ?? (await tenant());
    const answer = await where.send(cell, [event(id)], epoch);
    if (answer.status === 202) acknowledged.push(id);
    return `${cell} ${answer.status}`;
  };
  const idsAt = async (cell: string) => (await where.log(cell)).map(({ body }) => (body as { id: string }).id).sort();
  const shown = async () => (await mover.list())[0];
  const value = (answer: MoverAnswer<MoveView>): MoveView | string =>
    'value' in answer ? answer.value : `${answer.refused}: ${answer.detail}`;
  return {
    ...{ where, clock, directory, change, tenant, send, idsAt, acknowledged, shown, log, storage, start },
    order: async (to: string, more: { rate?: number; pauseBefore?: Step; leave?: true; dryRun?: boolean } = {}) => {
      const { dryRun = false, ...rest } = more;
      return value(await mover.start({ ...order, to, ...rest }, dryRun));
    },
    act: async (action: Parameters<typeof mover.change>[1]) =>
      value(await mover.change('acme', action, 'ops', 'a test')),
    round: () => mover.round(),
    watch: (next: typeof watched) => {
      watched = next;
    },
    /** From now on each walk takes two steps. */
    lengthenLogs: () => {
      hasLongLogs = true;
    },
    restart: (plan?: { left: number; readonly after: boolean }) => {
      mover = start(plan);
    },
    /** Rounds until the move is at this step, as time passes. */
    until: async (state: Step) => {
      for (let rounds = 0; rounds < 40; rounds += 1) {
        const move = await shown();
        if (move?.state === state) return move;
        if (move !== undefined && move.notBefore > clock.now()) clock.jump(move.notBefore - clock.now());
        await mover.round();
      }
      throw new Error(`It does not get to ${state}: ${JSON.stringify(await shown())}`);
    },
  };
}
