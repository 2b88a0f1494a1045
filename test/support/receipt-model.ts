// An exhaustive search: one event, its effect in one of two cells, and what moves, failovers and lost answers may make of it, in every order.
import { type Assignment, peerOf } from '../../core/cell/assignment.ts';
import { type Leased, type Situation, standingOf, type Verdict, verdictOf } from '../../core/pipeline/receipts.ts';
import type { EpochSeconds } from '../../core/ports/clock.ts';
import { breadthFirst, type Found } from './breadth-first.ts';

const CELLS = ['a', 'b'] as const;
type Id = (typeof CELLS)[number];

/** As far as the epochs of one placement may rise. */
const STRIDE = 10;

/** Where a tenant is placed, and how often its home was given up or taken back since. */
interface Placed {
  readonly home: Id;
  readonly standby: Id | null;
  readonly firstEpoch: number;
  readonly switches: number;
}

/** A message of the event that waits in a cell. */
interface Message {
  readonly origin: Id;
  /** The epoch of the last comparison that its cell had heard of when it accepted the event. */
  readonly settled: number;
}

interface CellState {
  /** Whether anything reaches it. Cut off, it goes on with what it has. */
  readonly up: boolean;
  /** The event in its log. */
  readonly log: { readonly origin: Id; readonly epoch: number } | null;
  readonly claim: boolean;
  readonly message: Message | null;
  /** The epoch of a request that has passed the fence, and is not stored yet. */
  readonly storing: number | null;
  /** The highest epoch that it has adopted. */
  readonly fence: number;
  /** The assignment that it holds. */
  readonly told: Placed;
  /** What its processes have read of that, and go by for a while. */
  readonly read: Placed;
  /** The epoch under which it has noted that it holds the lease, and wants a comparison. */
  readonly wanted: number;
  /** The epoch of the comparison that has brought all of the other cell since then. */
  readonly settled: number;
  /** Whether the effect is under way, and whether what it began on lets it happen a second time. */
  readonly effect: 'planned' | 'failover' | null;
  /** Whether it ever heard that the effect has happened. */
  readonly heard: boolean;
  /** What it heard last, for the rule that goes by it. */
  readonly said: 'unclaimed' | null;
}

export interface State {
  readonly at: Readonly<Record<Id, CellState>>;
  readonly placed: Placed;
  readonly lease: { readonly holder: Id; readonly epoch: number };
  readonly effects: number;
  readonly changes: number;
  readonly cuts: number;
  readonly sent: number;
  readonly repeated: number;
  /** What must never be, once it is. */
  readonly fault: string | null;
}

/** The rules of which a variant may be wrong, to see that the search finds it. */
export interface Rules {
  readonly standing: (assignment: Assignment, cell: string, lease: Leased | undefined) => ReturnType<typeof standingOf>;
  readonly verdict: (situation: Situation) => Verdict;
  /** Whether what is heard of is noted as a claim. */
  readonly keepsReceipts: boolean;
  /** Whether a comparison counts only if it began under the lease. */
  readonly comparesUnderLease: boolean;
  /** Whether a successor waits for effects under way. */
  readonly leaseWaits: boolean;
  /** Whether an answer counts that came before the lease. */
  readonly remembers: boolean;
}

/** What is built. */
export const RULES: Rules = {
  standing: standingOf,
  verdict: verdictOf,
  keepsReceipts: true,
  comparesUnderLease: true,
  leaseWaits: true,
  remembers: false,
};

export interface Bounds {
  /** Moves, failovers and failbacks. */
  readonly changes: number;
  /** How often a cell is cut off. */
  readonly cuts: number;
  /** How often the client sends the event, each time to either cell. */
  readonly sent: number;
  /** How often the event is delivered once more, as a redrive or a rebuild does. */
  readonly repeated: number;
  readonly states: number;
}

const other = (id: Id): Id => (id === 'a' ? 'b' : 'a');
const epochOf = ({ firstEpoch, switches }: Placed): number => firstEpoch + switches;
const serverOf = ({ home, standby, switches }: Placed): Id | null => (switches % 2 === 0 ? home : standby);

function assignmentOf(placed: Placed): Assignment {
  const cell = (id: Id) => ({ id, endpoint: id, keys: [] });
  return {
    ...{ tenant: 'acme', home: cell(placed.home), standby: placed.standby && cell(placed.standby) },
    ...{ firstEpoch: placed.firstEpoch, epoch: epochOf(placed), issuedAt: 0 as EpochSeconds },
  };
}

function begin(): State {
  const placed: Placed = { home: 'a', standby: 'b', firstEpoch: 1, switches: 0 };
  const cell = (): CellState => ({
    ...{ up: true, log: null, claim: false, message: null, storing: null, fence: 1, told: placed, read: placed },
    ...{ wanted: 0, settled: 0, effect: null, heard: false, said: null },
  });
  return {
    ...{ at: { a: cell(), b: cell() }, placed, lease: { holder: 'a', epoch: 1 }, effects: 0 },
    ...{ changes: 0, cuts: 0, sent: 0, repeated: 0, fault: null },
  };
}

const withCell = (state: State, id: Id, more: Partial<CellState>): State => ({
  ...state,
  at: { ...state.at, [id]: { ...state.at[id], ...more } },
});

type Step = readonly [what: string, next: State];

/** A cell gets to know which cells are the tenant's now. */
const told = (state: State, id: Id): State => withCell(state, id, { told: state.placed });

/** What a cell has of the event comes to the other one; of two copies the one of the lower epoch stands. */
function copied(state: State, from: Id): State {
  const to = other(from);
  const [given, own] = [state.at[from].log, state.at[to].log];
  if (given === null || (own !== null && (own.epoch < given.epoch || own.origin === given.origin))) return state;
  return withCell(state, to, { log: given, message: { origin: given.origin, settled: 0 } });
}

/** What a process goes by: it reads again what is not of its lease. */
function knownTo({ at, lease }: State, id: Id): Placed {
  const { read, told: placed } = at[id];
  return lease.holder === id && epochOf(read) !== lease.epoch ? placed : read;
}

/** What may become of a cell's message. */
function* handled(state: State, id: Id, rules: Rules, mayFail: boolean): Generator<Step> {
  const { message, claim, effect, up, said } = state.at[id];
  if (message === null || effect !== null) return;
  if (claim) return yield [`${id} knows that the effect has happened`, withCell(state, id, { message: null })];
  const isLeased = state.lease.holder === id;
  const assignment = assignmentOf(knownTo(state, id));
  const lease = isLeased ? { epoch: state.lease.epoch } : undefined;
  const situation: Situation = {
    standing: rules.standing(assignment, id, lease),
    isLeased,
    isOwn: message.origin === id,
    isPast: false,
    isSettled: message.settled === assignment.epoch,
  };
  const conclude = (verdict: Verdict, how: string, answer: 'claimed' | 'unclaimed' | 'none' | null): Step[] => {
    const noted = withCell(state, id, {
      ...(answer === 'claimed' && { heard: true }),
      ...(answer === 'unclaimed' && rules.remembers && { said: answer }),
    });
    if (verdict === 'wait' || verdict === 'ask') return answer === null ? [] : [[`${id} ${how}, and waits`, noted]];
    if (verdict === 'leave') return [[`${id} ${how}, and leaves it`, withCell(noted, id, { message: null })]];
    if (verdict === 'receipt')
      return [[`${id} ${how}`, withCell(noted, id, { message: null, ...(rules.keepsReceipts && { claim: true }) })]];
    const kind = situation.standing === 'standby' ? 'failover' : 'planned';
    return [[`${id} ${how}, and begins the effect`, withCell(noted, id, { effect: kind })]];
  };
  const first = rules.verdict(situation);
  if (first !== 'ask') return yield* conclude(first, 'does not ask', null);
  if (said !== null && rules.remembers)
    yield* conclude(rules.verdict({ ...situation, answer: said }), 'goes by what it heard', null);
  const peer = peerOf(assignment, id)?.id as Id | undefined;
  if (peer !== undefined && up && state.at[peer].up) {
    const answer = state.at[peer].claim ? 'claimed' : 'unclaimed';
    yield* conclude(rules.verdict({ ...situation, answer }), `hears that it is ${answer}`, answer);
    if (!mayFail) return;
  }
  yield* conclude(rules.verdict({ ...situation, answer: 'none' }), 'gets no answer', 'none');
}

/** The effect and its claim are one write, which a second process does not repeat. */
function ended(state: State, id: Id): State {
  const { effect, claim, heard } = state.at[id];
  const done = withCell(state, id, { effect: null, claim: true });
  if (claim || effect === null) return done;
  const effects = state.effects + 1;
  let fault = state.fault;
  if (effects > 1 && effect !== 'failover') fault ??= 'twice without a failover';
  if (effects > 1 && heard) fault ??= 'twice although the receipt had arrived';
  return { ...done, effects, fault };
}

/** What moves, failovers and failbacks make of the placement now. */
function changesOf({ placed }: State): readonly (readonly [string, Placed])[] {
  const { home, standby, firstEpoch, switches } = placed;
  if (standby === null) return [];
  const isDown = switches % 2 === 1;
  const found: [string, Placed][] = [
    [isDown ? `fail back ${home}` : `fail over ${home}`, { ...placed, switches: switches + 1 }],
  ];
  if (!isDown)
    found.push([`move to ${standby}`, { home: standby, standby: home, firstEpoch: firstEpoch + STRIDE, switches: 0 }]);
  return found;
}

/** The epochs of this placement under which a cell has served. */
function* tokensOf({ placed }: State, id: Id): Generator<number> {
  for (let switches = 0; switches <= placed.switches; switches += 1)
    if (serverOf({ ...placed, switches }) === id) yield epochOf({ ...placed, switches });
  // A router that has not heard of a move.
  if (placed.firstEpoch > STRIDE && placed.standby === id) yield placed.firstEpoch - STRIDE;
}

function* steps(state: State, rules: Rules, bounds: Bounds): Generator<Step> {
  const { at, placed, lease } = state;
  const epoch = epochOf(placed);
  for (const id of CELLS) {
    const cell = at[id];
    if (state.sent < bounds.sent && cell.up && cell.storing === null)
      for (const token of tokensOf(state, id))
        if (token >= cell.fence)
          yield [
            `the client sends it to ${id} under ${token}`,
            withCell({ ...state, sent: state.sent + 1 }, id, { storing: token, fence: token }),
          ];
    if (cell.storing !== null)
      yield [
        `${id} stores it`,
        withCell(state, id, {
          storing: null,
          ...(cell.log === null && {
            log: { origin: id, epoch: cell.storing },
            message: { origin: id, settled: cell.settled },
          }),
        }),
      ];
    if (cell.up && cell.fence < epoch && cell.fence > 0)
      yield [`${id} is fenced`, withCell(state, id, { fence: epoch })];
    if (cell.up && epochOf(cell.told) !== epoch) yield [`${id} is informed`, told(state, id)];
    if (epochOf(cell.read) !== epochOf(cell.told)) yield [`${id} reads it`, withCell(state, id, { read: cell.told })];
    const peer = at[other(id)];
    if (cell.up && peer.up && cell.log !== null && placed.standby !== null)
      yield [`a copy comes from ${id}`, copied(state, id)];
    if (lease.holder === id && lease.epoch === epochOf(cell.told) && cell.wanted !== lease.epoch)
      yield [`${id} wants a comparison`, withCell(state, id, { wanted: lease.epoch })];
    const isWanted = peer.wanted === epoch || !rules.comparesUnderLease;
    if (cell.up && peer.up && isWanted && epochOf(cell.told) === epoch && peer.settled !== epoch)
      yield [`${id} has compared`, withCell(copied(state, id), other(id), { settled: epoch })];
    yield* handled(state, id, rules, true);
    // A process that ends before the write has done nothing, and one that ends behind it gets the message again.
    if (cell.effect !== null) yield [`${id} ends the effect`, ended(state, id)];
    if (state.repeated < bounds.repeated && cell.log !== null && cell.message === null)
      yield [
        `${id} gets it once more`,
        withCell({ ...state, repeated: state.repeated + 1 }, id, { message: { origin: cell.log.origin, settled: 0 } }),
      ];
    if (cell.up && state.cuts < bounds.cuts)
      yield [`${id} is cut off`, withCell({ ...state, cuts: state.cuts + 1 }, id, { up: false })];
    if (!cell.up) yield [`${id} is back`, withCell(state, id, { up: true })];
  }
  const server = serverOf(placed);
  if (server !== null && at[server].up) {
    const isFree = lease.holder === server || at[lease.holder].effect === null || !rules.leaseWaits;
    if (isFree && (lease.holder !== server || lease.epoch !== epoch))
      yield [`${server} gets the lease under ${epoch}`, { ...state, lease: { holder: server, epoch } }];
  }
  if (state.changes < bounds.changes)
    for (const [what, after] of changesOf(state)) yield [what, { ...state, placed: after, changes: state.changes + 1 }];
}

/** The state without what decides on nothing any more. */
function settled(state: State, bounds: Bounds): State {
  const isSent = state.sent === bounds.sent && CELLS.every((id) => state.at[id].storing === null);
  let next = state;
  for (const id of CELLS) {
    const { message, heard, claim, effect, read: placed } = next.at[id];
    next = withCell(next, id, {
      ...(isSent && { fence: 0, wanted: 0, settled: 0 }),
      ...(message !== null && message.settled < epochOf(placed) && { message: { ...message, settled: 0 } }),
      heard: heard && (!claim || effect !== null),
    });
  }
  return next;
}

/** Steps behind which nothing else is left undone than before them. */
const isOfKnowledge = (what: string): boolean =>
  / (is informed|is fenced|is cut off|is back|reads it|wants a comparison)$/.test(what);

/** What is left undone if nothing changes any more, and everything answers, or one cell never does again; `null` if nothing. */
function leftOver(state: State, rules: Rules, lost: Id | null): string | null {
  let next = state;
  for (const id of CELLS) {
    const { storing, log } = next.at[id];
    const isLost = id === lost;
    next = withCell(next, id, { up: !isLost, effect: null, storing: null });
    if (!isLost && storing !== null && log === null)
      next = withCell(next, id, { log: { origin: id, epoch: storing }, message: { origin: id, settled: 0 } });
  }
  if (lost === null) for (const id of CELLS) next = copied(next, id);
  else if (serverOf(next.placed) === lost) {
    const { home, standby, switches } = next.placed;
    if (home === lost && standby !== null) next = { ...next, placed: { ...next.placed, switches: switches + 1 } };
  }
  const settle = (from: State): State => {
    let now = from;
    const server = serverOf(now.placed);
    if (server !== null && server !== lost) now = { ...now, lease: { holder: server, epoch: epochOf(now.placed) } };
    for (const id of CELLS) if (id !== lost) now = withCell(told(now, id), id, { read: now.placed });
    for (let round = 0; round < 4; round += 1)
      for (const id of CELLS) {
        if (id === lost) continue;
        const [step] = handled(now, id, rules, false);
        now = step?.[1] ?? now;
        if (now.at[id].effect !== null) now = ended(now, id);
      }
    return now;
  };
  next = settle(next);
  const isHere = CELLS.some((id) => id !== lost && next.at[id].log !== null);
  if (lost !== null && next.placed.switches % 2 === 1 && serverOf(next.placed) !== lost && isHere && next.effects === 0)
    return 'a standby waits for a home that is lost';
  if (lost !== null) {
    // An operator gives the lost cell up for good.
    const home = other(lost);
    const firstEpoch = next.placed.firstEpoch + STRIDE;
    next = settle({ ...next, placed: { home, standby: null, firstEpoch, switches: 0 } });
  }
  if (isHere && next.effects === 0) return 'the effect never happens';
  const waiting = CELLS.find((id) => id !== lost && next.at[id].message !== null);
  if (waiting !== undefined) return `a message waits in ${waiting} for ever`;
  // The loss of a cell for good is no planned move, whatever was before it.
  return lost === null ? next.fault : null;
}

const leftUndone = (state: State, rules: Rules): string | null =>
  leftOver(state, rules, null) ?? leftOver(state, rules, 'a') ?? leftOver(state, rules, 'b');

function keyOf({ at, placed, lease, ...rest }: State): string {
  const parts: unknown[] = [lease.holder, lease.epoch, placed.home, epochOf(placed)];
  for (const id of CELLS) {
    const { log, message, told: known, read, ...more } = at[id];
    parts.push(log?.origin, log?.epoch, message?.origin, message?.settled, epochOf(known), epochOf(read));
    parts.push(...Object.values(more));
  }
  return parts.concat(Object.values(rest)).join();
}

export interface FoundEffects extends Found {
  /** Whether the effect happened twice somewhere, after a failover. */
  readonly twice: boolean;
}

export function search(bounds: Bounds, rules: Rules = RULES): FoundEffects {
  let twice = false;
  const found = breadthFirst({
    ...{ first: begin(), states: bounds.states, keyOf },
    *stepsOf(state) {
      for (const [what, next] of steps(state, rules, bounds)) yield [what, settled(next, bounds)] as const;
    },
    faultOf(state, what) {
      twice ||= state.effects > 1;
      const fault = state.fault ?? (isOfKnowledge(what) ? null : leftUndone(state, rules));
      return fault === null ? null : [fault];
    },
  });
  return { ...found, twice };
}
