// The drills `standby-loss` and `long-outage`: a standby is away, and everything that it lacks comes to it without a client noticing.
import type { ReplicaNote } from '../../core/replication/notes.ts';
import { NOTE_LIMITS } from '../../core/replication/notes.ts';
import { sleep } from '../../hosts/processes/wait.ts';
import { RefusedError, UserError } from '../command.ts';
import { NoAnswerError } from './control.ts';
import { differingEvents, pushAll } from './copies.ts';
import type { Act, Kind } from './data-kind.ts';
import { DATA_TARGETS } from './data-verdict.ts';
import { RETURN_WITHIN_MS } from './go-home.ts';
import { subjectOf } from './load.ts';
import { seconds } from './verdict.ts';
import { cellAnswers, until } from './watch.ts';

/** The home finds its peer away, and goes by it, within this, in milliseconds: a message may have to be delivered again first. */
const NOTICED_WITHIN_MS = 240_000;

/** Beyond the target: a late end misses it, but is more informative than none. */
const EXTENDED_BY_MS = 120_000;

/** Kills the cell, with a failover of it left to operators: what is tried is that it is missed as a standby. */
async function lose(act: Act): Promise<void> {
  const { stack, control, cell, note } = act;
  if (cell.failover === 'automatic') {
    act.finally(() => control.setPolicy(cell, 'automatic'));
    await control.setPolicy(cell, 'approve');
  }
  act.finally(() => stack.order(`/revive?cell=${cell.id}`));
  act.phase('fault');
  await stack.order(`/crash?cell=${cell.id}`);
  note(`fault: kill -9 of every process of ${cell.id}, the standby`, { text: 'fault', edge: 'begin' });
}

/** Brings the cell back; resolves with when it was asked for. */
async function revive(act: Act): Promise<number> {
  const { stack, control, cell, scene, note, signal } = act;
  const at = scene.load.elapsed;
  await stack.order(`/revive?cell=${cell.id}`);
  note(`${cell.id} is revived`, { text: 'revived', edge: 'end' });
  const answers = await until(() => cellAnswers(control, cell.id), RETURN_WITHIN_MS, signal);
  note(answers ? `${cell.id} answers its probes again` : `${cell.id} does not answer its probes`);
  act.phase('after');
  return at;
}

const pairsOf = ({ tenants, cell, other }: Act) =>
  tenants.map((tenant) => ({ tenant, home: other.id, standby: cell.id }));

/** Has each home send what its standby lacks, as an operator does with npx polycell replicas sync; `false` if that takes too long. */
function bringAll(act: Act): Promise<boolean> {
  const left = new Set(pairsOf(act));
  return until(
    async () => {
      for (const pair of left) {
        if (!(await pushAll(act.control, pair, act.signal))) return false;
        left.delete(pair);
      }
      return true;
    },
    DATA_TARGETS.caughtUpMs,
    act.signal,
  );
}

/** Waits until the cell lacks nothing, under load; resolves with how long that took, `null` if it never did. */
async function caughtUp(act: Act, since: number): Promise<number | null> {
  const { control, scene, note, signal, cell } = act;
  const left = new Set(pairsOf(act));
  const isEqual = await until(
    async () => {
      for (const pair of left) {
        if ((await differingEvents(control, pair, signal)) !== 0) return false;
        left.delete(pair);
      }
      return true;
    },
    DATA_TARGETS.caughtUpMs + EXTENDED_BY_MS - (scene.load.elapsed - since),
    signal,
  );
  const took = scene.load.elapsed - since;
  note(
    isEqual ? `${cell.id} has all events of every tenant` : `${cell.id} still lacks events of ${left.size} tenants`,
    {
      text: isEqual ? 'caught up' : 'behind',
    },
  );
  return isEqual ? Math.round(took) : null;
}

export const standbyLoss: Kind = {
  isHome: false,
  isPaired: true,
  without: () => 'cell',
  phases: { before: 'before', fault: 'without the standby', after: 'the standby is back' },

  async carryOut(act) {
    const { stack, scene, options, cell, tenants, note, signal } = act;
    await act.look('before the loss');
    await lose(act);
    await sleep(options.seconds * 1000, signal);
    signal.throwIfAborted();
    await act.look('without the standby');
    const since = await revive(act);
    let deleted = 0;
    for (const tenant of tenants) deleted += await stack.loseEvents(cell.id, tenant, subjectOf(scene.run));
    note(`${deleted} stored events of ${cell.id} are deleted by hand`, { text: 'deleted' });
    act.fact(`stored events that ${cell.id} has lost`, String(deleted));
    const isSent = await bringAll(act);
    note(isSent ? 'every home has sent what its standby lacks' : 'some homes could not send what is missing');
    return { caughtUpMs: await caughtUp(act, since) };
  },
};

/** What the home has noted of the cell, by tenant; nothing where it does not answer. */
async function notesOf({ control, cell, other, tenants }: Act): Promise<readonly ReplicaNote[]> {
  try {
    const notes = await control.replicas(other.id);
    return notes.filter(
      ({ tenant, peer, direction }) => direction === 'to' && peer === cell.id && tenants.includes(tenant),
    );
  } catch (error) {
    if (!(error instanceof RefusedError || error instanceof NoAnswerError)) throw error;
    return [];
  }
}

/** Has the home send what the cell lacks; whether it then notes that nothing is unsent, of any tenant. */
async function keepsUp(act: Act): Promise<boolean> {
  if (!(await bringAll(act))) return false;
  const notes = await notesOf(act);
  return notes.length === act.tenants.length && notes.every(({ behindSince }) => behindSince === null);
}

/** Has the home take the cell for away for longer than it is patient, unless it really is. */
async function outlast(act: Act): Promise<void> {
  const { stack, options, cell, other, tenants, note, signal } = act;
  const isReal = options.seconds * 1000 >= NOTE_LIMITS.patienceMs;
  if (!isReal) {
    const left = new Set(tenants);
    const isAged = await until(
      async () => {
        for (const tenant of left) if (await stack.ageOutage(other.id, tenant, cell.id)) left.delete(tenant);
        return left.size === 0;
      },
      NOTICED_WITHIN_MS,
      signal,
    );
    if (!isAged)
      throw new UserError(`${other.id} has not found ${cell.id} away, for ${left.size} tenants: repeat the drill.`);
    note(
      `${other.id} has found ${cell.id} away; its note of since when is set back by ${NOTE_LIMITS.patienceMs / 60_000} min`,
    );
  }
  const isLeft = await until(
    async () => {
      const behind = (await notesOf(act)).filter(({ behindSince }) => typeof behindSince === 'number');
      return behind.length === tenants.length;
    },
    NOTICED_WITHIN_MS + (isReal ? NOTE_LIMITS.patienceMs : 0),
    signal,
  );
  if (!isLeft)
    throw new UserError(`${other.id} has not left events unsent: repeat the drill with a longer --duration.`);
  note(`${other.id} leaves events unsent, for every tenant: no queue fills up`, { text: 'unsent' });
  act.fact(
    'outage, as far as the home knows',
    isReal ? `${options.seconds} s` : `${NOTE_LIMITS.patienceMs / 1000} s more than it was`,
  );
}

export const longOutage: Kind = {
  isHome: false,
  isPaired: true,
  without: () => 'cell',
  phases: { before: 'before', fault: 'without the standby', after: 'the standby is back' },

  async carryOut(act) {
    const { stack, scene, options, other, tenants, note, signal } = act;
    // A home has noted that it is behind with a standby that is new to it, and would leave events unsent at once.
    if (!(await until(() => keepsUp(act), DATA_TARGETS.caughtUpMs, signal)))
      throw new UserError(
        `${other.id} is behind with ${act.cell.id} before the outage: see npx polycell replicas status.`,
      );
    await act.look('before the outage');
    const before = scene.ledger.promised().acknowledged;
    const lostAt = scene.load.elapsed;
    await lose(act);
    await outlast(act);
    await sleep(Math.max(0, lostAt + options.seconds * 1000 - scene.load.elapsed), signal);
    signal.throwIfAborted();
    await act.look('without the standby');
    const behind = scene.ledger.promised().acknowledged - before;
    const { cells } = await stack.status();
    const waiting = cells
      .find(({ id }) => id === other.id)
      ?.consumers.find(({ name }) => name === 'replicate')?.backlog;
    act.fact('events acknowledged while the cell was away, neighbours’ included', String(behind));
    act.fact(`messages that waited for it in ${other.id} at its return`, String(waiting ?? 'unknown'));
    const since = await revive(act);
    const isNoted = await until(
      async () => {
        const notes = await notesOf(act);
        return notes.length === tenants.length && notes.every(({ behindSince }) => behindSince === null);
      },
      DATA_TARGETS.caughtUpMs + EXTENDED_BY_MS,
      signal,
    );
    if (isNoted) act.fact('until the home noted that nothing is unsent any more', seconds(scene.load.elapsed - since));
    note(
      isNoted
        ? 'the comparison that the monitor ordered has brought what was left'
        : 'the home still notes unsent events',
    );
    return { caughtUpMs: await caughtUp(act, since) };
  },
};
