// Compares in the background whether a cell that is down has what the standbys of its tenants have accepted, and they have what it has.
import { atMost, mapConcurrently } from '../../lib/concurrently.ts';
import { cutUtf8 } from '../../lib/text.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError } from '../../ports/errors.ts';
import { isJsonObject } from '../../ports/json.ts';
import type { Holdings } from '../cells/holdings-question.ts';
import type { PushRequest, ReplicaPusher } from '../cells/replica-pusher.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, epochOf, isServing, type Tenant } from '../ports/directory-model.ts';
import type { FailbackComparison, FailbackGate, FailbackState } from '../ports/failback-gate.ts';

export const FAILBACK_LIMITS = {
  /** Tenants that are compared at the same time, of all failovers together: each has two cells read its log while they serve others. */
  concurrent: 2,
  /** What a standby has accepted must have been compared so recently, in milliseconds; what it has accepted since is on its way. */
  freshMs: 120_000,
  /** That nothing is missing stands for this long after the comparison has ended, in milliseconds: long enough to read a preview and confirm it. */
  standsMs: 30_000,
  /** After one that has found something missing, the next one begins so much later at the earliest, in milliseconds. */
  againMs: 5000,
  /** A comparison of a cell looks at no further tenant so long after it was last asked for or looked at, in milliseconds. */
  comparisonMs: 600_000,
  /** Nor so long after its beginning, and that of those before it that it goes on with, in milliseconds: what was seen first would be too old. */
  wholeMs: 3_600_000,
  /** Steps of a tenant's comparison in a row that do not get on, and the pause after each, in milliseconds. */
  idleSteps: 10,
  pauseMs: 1000,
  /** Tenants of which a cell does not answer, before the others are not looked at: it will not answer for them either. */
  unanswered: 5,
  /** Tenants that are named, and bytes of the reason of each. */
  named: 5,
  reasonBytes: 300,
  /** Tenants of the directory that are read at once. */
  tenants: 100,
  /** Notes of one cell that are kept for a comparison; tenants beyond them are compared. */
  notes: 20_000,
} as const;

export interface FailbackGateDeps {
  readonly directory: Pick<Directory, 'cells' | 'tenants'>;
  readonly replicas: Holdings['replicas'];
  readonly push: ReplicaPusher;
  readonly clock: Clock;
}

/** A gate, and the end of its work. */
export interface WorkingGate extends FailbackGate {
  /** Resolves once no comparison is under way; for tests. */
  idle(): Promise<void>;
}

type Draft = { -readonly [Field in keyof FailbackComparison]: FailbackComparison[Field] } & { reasons: string[] };

/** What is kept of a cell. */
interface Entry {
  readonly switches: number;
  /** When it was last asked for, or looked at. */
  askedAt: number;
  /** When the comparisons began of which the one that is under way, or the latest, is the last: each goes on where the one before ran out of time. */
  since: number;
  /** Whether the latest one ran out of time. */
  isLate: boolean;
  running: Draft | null;
  latest: FailbackComparison | null;
}

/** Notes of a cell about where everything that it has was brought, by tenant and other cell. */
type Notes = ReadonlyMap<string, { readonly epoch: unknown; readonly at: number }>;

/** A comparison that can say nothing more of any tenant. */
class Ended extends Error {}

/** A comparison whose time is over: the next one goes on with it. */
class LateEnd extends Ended {}

/** Returns the gate of one monitor. It keeps nothing durably: what it has found stands for seconds. */
export function createFailbackGate({ directory, replicas, push, clock }: FailbackGateDeps): WorkingGate {
  const entries = new Map<string, Entry>();
  const underWay = new Set<Promise<void>>();
  const inTurn = atMost(FAILBACK_LIMITS.concurrent);

  const notesOf = async (cell: Cell, until: () => number): Promise<Notes> => {
    const notes = new Map<string, { readonly epoch: unknown; readonly at: number }>();
    let cursor: string | undefined;
    do {
      const page = await replicas(cell, cursor);
      if (typeof page === 'string') break;
      for (const note of Array.isArray(page.items) ? page.items : [])
        if (isJsonObject(note) && note.direction === 'to' && note.behindSince === null && note.failingSince === null)
          notes.set(`${note.tenant} ${note.peer}`, { epoch: note.passedEpoch, at: Number(note.passedAt) });
      cursor = typeof page.next === 'string' ? page.next : undefined;
    } while (cursor !== undefined && clock.now() < until() && notes.size < FAILBACK_LIMITS.notes);
    return notes;
  };

  /** How many events of one cell the other one lacks or has otherwise; a text if that is not known: why. */
  const lacked = async (
    pair: Omit<PushRequest, 'restart' | 'verify'>,
    until: () => number,
  ): Promise<number | string> => {
    let begun = false;
    let before = '';
    for (let idle = 0; ; ) {
      const found = await push({ ...pair, restart: !begun, verify: true });
      if (typeof found === 'string') return found;
      begun ||= found.isOther !== true;
      if (found.done === true) return Number(found.missing ?? 0) + Number(found.different ?? 0);
      const { waiting, ...counts } = found;
      const now = JSON.stringify(counts);
      idle = now === before ? idle + 1 : 0;
      before = now;
      if (idle === FAILBACK_LIMITS.idleSteps) return String(waiting ?? 'the comparison does not get on');
      if (clock.now() >= until()) return 'the comparison takes too long';
      if (waiting !== undefined) await clock.sleep(FAILBACK_LIMITS.pauseMs);
    }
  };

  const compare = async (id: string, entry: Entry, draft: Draft): Promise<void> => {
    const until = () => Math.min(entry.askedAt + FAILBACK_LIMITS.comparisonMs, entry.since + FAILBACK_LIMITS.wholeMs);
    /** What a standby has sent then, and since, as its note says, is not compared again; of small cells it is two minutes ago at most. */
    const freshFrom = entry.since - FAILBACK_LIMITS.freshMs;
    const asked = new Map<string, Promise<Notes>>();
    const noted = (cell: Cell) => {
      const known = asked.get(cell.id) ?? notesOf(cell, until);
      asked.set(cell.id, known);
      return known;
    };
    let unanswered = 0;

    /** Whether a walk that began under the present epoch has brought everything, and nothing was left unsent since. */
    const isNoted = async (tenant: Tenant, home: Cell, from: Cell, to: Cell, oldest: number): Promise<boolean> => {
      const note = (await noted(from)).get(`${tenant.id} ${to.id}`);
      return note !== undefined && note.epoch === epochOf(tenant, home) && note.at > oldest;
    };

    /** Why a tenant must wait; `null` if nothing is missing. */
    const reasonOf = async (tenant: Tenant, home: Cell, standby: Cell): Promise<string | null> => {
      if (home.keys === undefined || standby.keys === undefined) return 'the cells cannot be compared without keys';
      const hasOwn = await isNoted(tenant, home, home, standby, Number.NEGATIVE_INFINITY);
      const hasOthers = await isNoted(tenant, home, standby, home, freshFrom);
      const ways = [...(hasOthers ? [] : [[standby, home] as const]), ...(hasOwn ? [] : [[home, standby] as const])];
      const lacks: string[] = [];
      for (const [from, to] of ways) {
        const found = await lacked({ tenant, home, standby, from: from.id }, until);
        if (typeof found === 'string') {
          unanswered += 1;
          return [...lacks, found].join(', ');
        }
        draft.missing += found;
        if (found > 0) lacks.push(`${found} events of ${from.id} are not in ${to.id}`);
      }
      return lacks.length === 0 ? null : lacks.join(', ');
    };

    const lookAt = async (tenant: Tenant, home: Cell, cells: ReadonlyMap<string, Cell>): Promise<void> => {
      if (clock.now() >= until())
        throw new LateEnd('the other tenants were not looked at in time; repeat it to go on with them');
      if (unanswered >= FAILBACK_LIMITS.unanswered) throw new Ended('the other tenants were not looked at');
      const standby = tenant.standby === null ? undefined : cells.get(tenant.standby);
      // The others are not served at all: they gain by it in any case.
      const reason = standby === undefined || !isServing(standby) ? null : await reasonOf(tenant, home, standby);
      draft.looked += 1;
      if (reason === null) return;
      draft.behind += 1;
      if (draft.reasons.length < FAILBACK_LIMITS.named)
        draft.reasons.push(cutUtf8(`${tenant.id}: ${reason}`, FAILBACK_LIMITS.reasonBytes));
    };

    let cursor: string | null = null;
    do {
      const found = await directory.cells();
      const cells = new Map(found.map(({ cell }) => [cell.id, cell]));
      const home = cells.get(id);
      if (home?.state !== 'down' || home.switches !== entry.switches)
        throw new Ended('the cell was failed back or over meanwhile');
      draft.tenants = found.find(({ cell }) => cell.id === id)?.homes ?? 0;
      const page: Awaited<ReturnType<Directory['tenants']>> = await directory.tenants({
        cell: id,
        limit: FAILBACK_LIMITS.tenants,
        ...(cursor !== null && { cursor }),
      });
      await mapConcurrently(page.items, FAILBACK_LIMITS.concurrent, (tenant) =>
        inTurn(() => lookAt(tenant, home, cells)),
      );
      cursor = page.next;
    } while (cursor !== null);
    draft.complete = true;
  };

  const begin = (id: string, entry: Entry): void => {
    const counts = { tenants: 0, looked: 0, complete: false, behind: 0, missing: 0 };
    const draft: Draft = { startedAt: clock.now(), endedAt: null, ...counts, reasons: [] };
    entry.running = draft;
    if (!entry.isLate || clock.now() - entry.since >= FAILBACK_LIMITS.wholeMs) entry.since = clock.now();
    entry.isLate = false;
    const work = compare(id, entry, draft)
      .catch((error: unknown) => {
        const { code, message } = describeError(error);
        entry.isLate = error instanceof LateEnd;
        draft.reasons.push(error instanceof Ended ? message : `${code}: ${message}`);
      })
      .finally(() => {
        entry.latest = { ...draft, endedAt: clock.now() };
        entry.running = null;
        underWay.delete(work);
      });
    underWay.add(work);
  };

  const stateOf = ({ running, latest }: Entry): FailbackState => {
    const foundNothing = latest?.complete === true && latest.behind === 0;
    if (foundNothing && ageOf(latest) < FAILBACK_LIMITS.standsMs) return 'caught-up';
    if (running !== null) return 'comparing';
    return latest === null || foundNothing ? 'unknown' : 'behind';
  };

  const ageOf = ({ endedAt }: FailbackComparison): number => clock.now() - Number(endedAt);

  /** Whether what was found is of no use any more. */
  const isDue = (entry: Entry): boolean => {
    if (entry.running !== null || stateOf(entry) === 'caught-up') return false;
    return entry.latest === null || ageOf(entry.latest) >= FAILBACK_LIMITS.againMs;
  };

  return {
    async caughtUp(cell, switches, wanted) {
      const known = entries.get(cell);
      const now = clock.now();
      const fresh: Entry = { switches, askedAt: now, since: now, isLate: false, running: null, latest: null };
      const entry = known?.switches === switches ? known : fresh;
      entries.set(cell, entry);
      entry.askedAt = now;
      if (wanted && isDue(entry)) begin(cell, entry);
      const { running, latest } = entry;
      return { cell, state: stateOf(entry), running: running && { ...running, reasons: [...running.reasons] }, latest };
    },

    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
