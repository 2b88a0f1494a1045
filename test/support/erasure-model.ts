// An exhaustive search: a client, two cells, what is under way between them and an eraser, in every order, for an event that is there after its erasure.
//
// What happens inside of a cell is played in the home alone, and a backup is restored in the standby alone: both are the same elsewhere.

/** Where a tombstone is honoured, and what the eraser does; a mutant leaves one of them out. */
export const RULES = [
  'ingest',
  'replica endpoint',
  'relay',
  'consumers',
  'a drain',
  'a second sweep',
  'a drain before it',
  'waiting for every copy',
  'replay to a restored store',
  'a sweep of a restored store',
] as const;
export type Rule = (typeof RULES)[number];

/** What a sweep removes, in this order. */
const SWEPT = ['log', 'request', 'parked', 'derived'] as const;

/** One event in one cell; members are 0 or 1. */
interface Cell {
  readonly log: number;
  /** A message in the bus or a dead-letter queue. */
  readonly bus: number;
  readonly parked: number;
  /** A redrive request in the log. */
  readonly request: number;
  readonly derived: number;
  /** Let in by ingest or the replica endpoint, and not stored yet. */
  readonly inside: number;
  /** A worker that holds the message, and has looked for a tombstone. */
  readonly worker: number;
  /** A worker of a later event that has read this one in the log, and not written yet. */
  readonly reader: number;
  /** A change of the log that the relay has not read yet. */
  readonly change: number;
  readonly marked: number;
  /** Steps of the eraser: 0 to be marked, 1 to be drained, 2 the sweep, 3 to be drained again, 4 the second sweep, 5 done. */
  readonly step: number;
  /** How far the sweep under way is. */
  readonly swept: number;
  /** Whether a backup was restored and may not serve yet. */
  readonly held: number;
}

interface State {
  readonly cells: readonly [Cell, Cell];
  /** Requests of the client that are left. */
  readonly sends: number;
  /** A copy on its way from this cell to the other one. */
  readonly wires: readonly [number, number];
  readonly certified: number;
  readonly restores: number;
  readonly crashes: number;
}

const NEW: Cell = {
  ...{ log: 0, bus: 0, parked: 0, request: 0, derived: 0, inside: 0, worker: 0, reader: 0, change: 0 },
  ...{ marked: 0, step: 0, swept: 0, held: 0 },
};

/** The event is there from the beginning; the client repeats it. */
export const LIMITS = { sends: 1, restores: 1, crashes: 1 } as const;

const FIRST: State = {
  cells: [{ ...NEW, log: 1, change: 1 }, NEW],
  sends: LIMITS.sends,
  wires: [0, 0],
  certified: 0,
  restores: 0,
  crashes: 0,
};

const DONE = 5;

/** Every state that may follow. */
function* next(state: State, has: (rule: Rule) => boolean): Generator<readonly [string, State]> {
  const { cells, wires } = state;
  const copies = has('waiting for every copy') ? cells : [cells[0]];
  // It waits until the queues have let go of what came into them before.
  if (state.certified === 0 && copies.every(({ step }) => step === DONE))
    yield ['the certificate', { ...state, certified: 1, cells: [{ ...cells[0], bus: 0 }, cells[1]] }];
  for (const at of [0, 1] as const) {
    const cell = cells[at];
    const other = at === 0 ? 1 : 0;
    const where = at === 0 ? 'home' : 'standby';
    const put = (more: Partial<Cell>, rest: Partial<State> = {}): State => {
      const changed: Cell = { ...cell, ...more };
      return { ...state, cells: at === 0 ? [changed, cells[1]] : [cells[0], changed], ...rest };
    };
    const wired = (value: number, from: 0 | 1): Pick<State, 'wires'> => ({
      wires: from === 0 ? [value, wires[1]] : [wires[0], value],
    });
    const refuses = (rule: Rule) => cell.marked === 1 && has(rule);
    if (cell.held === 0) {
      if (at === 0 && state.sends > 0 && cell.inside === 0 && !refuses('ingest'))
        yield [`a client sends to the ${where}`, put({ inside: 1 }, { sends: state.sends - 1 })];
      if (wires[other] === 1)
        yield [
          `a copy arrives at the ${where}`,
          put(refuses('replica endpoint') ? {} : { inside: 1 }, wired(0, other)),
        ];
      if (cell.inside === 1)
        yield [
          `stored at the ${where}`,
          put({ inside: 0, log: 1, change: at === 1 || cell.log === 1 ? cell.change : 1 }),
        ];
      if (cell.change === 1)
        yield [`relayed at the ${where}`, put({ change: 0, bus: refuses('relay') ? cell.bus : 1 })];
      if (cell.log === 1 && wires[at] === 0) yield [`a copy leaves the ${where}`, { ...state, ...wired(1, at) }];
      if (cell.bus === 1 && cell.worker === 0)
        yield [`delivered at the ${where}`, put(refuses('consumers') ? { bus: 0 } : { worker: 1 })];
      if (cell.worker === 1) {
        yield [`derived at the ${where}`, put({ worker: 0, bus: 0, derived: 1 })];
        yield [`parked at the ${where}`, put({ worker: 0, bus: 0, parked: 1 })];
      }
      if (cell.parked === 1) yield [`redriven at the ${where}`, put({ parked: 0, request: 1, change: 1 })];
      if (at === 0 && cell.log === 1 && cell.reader === 0)
        yield [`a later event reads it at the ${where}`, put({ reader: 1 })];
      if (cell.reader === 1) yield [`a later event is derived at the ${where}`, put({ reader: 0, derived: 1 })];
    }

    // Time passes until what had looked for a tombstone before there was one has ended.
    const isDrained = cell.inside === 0 && cell.worker === 0;
    switch (cell.step) {
      case 0:
        yield [`a tombstone at the ${where}`, put({ marked: 1, step: 1, held: 0 })];
        break;
      case 1:
        if (isDrained || !has('a drain')) yield [`drained at the ${where}`, put({ step: 2, swept: 0 })];
        break;
      case 3:
        if (!has('a second sweep')) yield [`over at the ${where}`, put({ step: DONE })];
        else if ((isDrained && cell.reader === 0) || !has('a drain before it'))
          yield [`drained again at the ${where}`, put({ step: 4, swept: 0 })];
        break;
      case 2:
      case 4: {
        const what = at === 0 || cell.swept === 0 ? SWEPT[cell.swept] : undefined;
        if (what === undefined) yield [`swept at the ${where}`, put({ step: cell.step + 1 })];
        else yield [`${what} swept at the ${where}`, put({ [what]: 0, swept: cell.swept + 1 })];
        if (at === 0 && state.crashes < LIMITS.crashes && cell.swept > 0)
          yield [`the eraser restarts at the ${where}`, put({ swept: 0 }, { crashes: state.crashes + 1 })];
        break;
      }
    }
    // A backup of before: with the event, and without the tombstone. It serves once the erasures are replayed.
    if (at === 1 && state.certified === 1 && state.restores < LIMITS.restores) {
      const serves = has('replay to a restored store') ? 1 : 0;
      const again = has('a sweep of a restored store');
      yield [
        `the ${where} is restored`,
        put(
          {
            ...NEW,
            log: 1,
            held: serves,
            step: serves === 1 && again ? 0 : DONE,
            marked: serves === 1 && !again ? 1 : 0,
          },
          { restores: 1, certified: serves === 1 && again ? 0 : 1 },
        ),
      ];
    }
  }
}

/** Whether the event is somewhere, although it is certified that it is not. */
const isBack = ({ certified, cells }: State): boolean =>
  certified === 1 && cells.some(({ log, bus, parked, request, derived }) => log + bus + parked + request + derived > 0);

/** A state as a text: its members are digits below six. */
const keyOf = ({ cells, wires, ...rest }: State): string => {
  const digits = (values: readonly number[]) => values.reduce((sum, value) => sum * 6 + value, 0);
  const others = [...wires, ...Object.values(rest)] as number[];
  return `${digits(Object.values(cells[0]))} ${digits(Object.values(cells[1]))} ${digits(others)}`;
};

/** A way to a state in which an erased event is there; and how many states were looked at. */
export function search(without?: Rule): { readonly states: number; readonly way: readonly string[] | undefined } {
  const has = (rule: Rule) => rule !== without;
  const seen = new Map<string, readonly [string, string] | null>([[keyOf(FIRST), null]]);
  for (const open: State[] = [FIRST]; open.length > 0; ) {
    const state = open.pop() as State;
    const key = keyOf(state);
    if (isBack(state)) {
      const way: string[] = [];
      for (let at = seen.get(key); at !== null && at !== undefined; at = seen.get(at[1])) way.unshift(at[0]);
      return { states: seen.size, way };
    }
    for (const [what, each] of next(state, has)) {
      const id = keyOf(each);
      if (seen.has(id)) continue;
      seen.set(id, [what, key]);
      open.push(each);
    }
  }
  return { states: seen.size, way: undefined };
}
