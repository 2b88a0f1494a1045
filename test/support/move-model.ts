// An exhaustive search: clients, two cells and a mover, in every order, for an acknowledged event that is missing when a move is verified.

/** What the mover does, one after the other. */
export const ORDER = ['seed', 'switch', 'fence', 'drain', 'verify'] as const;
export type Action = (typeof ORDER)[number];

export interface Rules {
  readonly order: readonly Action[];
  /** What the mover does not do about a failover of the target: wait while the source stands in, or fence anew behind the failback. */
  readonly without?: 'waiting' | 'a second fence';
}

/** Events are bits. */
type Events = number;

export interface State {
  /** What clients have sent, of so many events. */
  readonly sent: number;
  readonly acknowledged: Events;
  readonly source: Events;
  readonly target: Events;
  /** Which cell the directory names, and which one each of the two routers believes in; a router learns late. */
  readonly home: 'source' | 'target';
  readonly believed: 'source' | 'target';
  /** Whether the source has adopted the new epoch. */
  readonly fenced: boolean;
  /** An event that the source has let in by its epoch, and not stored yet; 0 for none. */
  readonly inside: Events;
  /** A page that was read at the source, and has not arrived at the target; 0 for none. */
  readonly page: Events;
  /** What the walk under way has to bring: what was there when it began. `null` if none is under way. */
  readonly walk: Events | null;
  /** Whether the target is down, so that the source stands in for it, or has been. */
  readonly targetWas: 'up' | 'down' | 'back';
  /** The actions that are done. */
  readonly done: number;
  readonly crashes: number;
}

export const LIMITS = { events: 3, crashes: 2 } as const;

const FIRST: State = {
  sent: 0,
  ...{ acknowledged: 0, source: 0, target: 0 },
  ...{ home: 'source', believed: 'source' },
  ...{ fenced: false, inside: 0, page: 0, walk: null, targetWas: 'up', done: 0, crashes: 0 },
};

/** Every state that may follow. */
function* next(state: State, { order, without }: Rules): Generator<readonly [string, State]> {
  const { sent, source, target, believed, fenced, inside, page, walk, done, crashes } = state;
  const event = 1 << sent;
  // A client sends an event where its router believes the home to be; an event that is refused is sent again elsewhere.
  if (sent < LIMITS.events && believed === 'target')
    yield [
      'accepted at the target',
      { ...state, sent: sent + 1, target: target | event, acknowledged: state.acknowledged | event },
    ];
  if (sent < LIMITS.events && believed === 'source' && !fenced && inside === 0)
    yield ['let in at the source', { ...state, sent: sent + 1, inside: event }];
  if (believed === 'source' && fenced) yield ['a router is refused, and asks', { ...state, believed: state.home }];
  if (believed !== state.home) yield ['a router learns', { ...state, believed: state.home }];
  if (inside !== 0)
    yield [
      'stored at the source',
      { ...state, inside: 0, source: source | inside, acknowledged: state.acknowledged | inside },
    ];
  if (page !== 0) yield ['a page arrives', { ...state, page: 0, target: target | page }];
  if (crashes < LIMITS.crashes && walk !== null)
    yield ['the mover restarts', { ...state, crashes: crashes + 1, page: 0, walk: null }];

  const action = order[done];
  if (action === undefined) return;
  if (state.home === 'target' && state.targetWas === 'up')
    yield ['the target is failed over', { ...state, home: 'source', fenced: false, targetWas: 'down' }];
  if (state.targetWas === 'down') {
    const again = without === 'a second fence' ? done : Math.min(done, order.indexOf('fence'));
    yield [
      'the target is failed back',
      { ...state, home: 'target', targetWas: 'back', walk: null, page: 0, done: again },
    ];
    if (without !== 'waiting') return;
  }
  const after = { ...state, done: done + 1, walk: null };
  switch (action) {
    case 'seed':
    case 'verify': {
      if (walk === null) yield [`${action}: a walk begins`, { ...state, walk: source }];
      else if ((walk & ~target) === 0) yield [`${action}: all of it is there`, after];
      else if (page === 0) yield [`${action}: a page is sent`, { ...state, page: walk & ~target }];
      return;
    }
    case 'switch':
      yield ['switch', { ...after, home: 'target' }];
      return;
    case 'fence':
      yield ['fence', { ...after, fenced: true }];
      return;
    case 'drain':
      // Time passes until no request that was let in before can be under way any more; it says nothing of later ones.
      if (inside === 0) yield ['drain', after];
  }
}

/** The shortest way to a state in which the move is over and the target lacks an acknowledged event; and how many states there are. */
export function search(rules: Rules): { readonly states: number; readonly way: readonly string[] | undefined } {
  const seen = new Map<string, readonly [string, string] | null>();
  const key = (state: State) => JSON.stringify(state);
  let layer: State[] = [FIRST];
  seen.set(key(FIRST), null);
  while (layer.length > 0) {
    const following: State[] = [];
    for (const state of layer) {
      if (state.done === rules.order.length && (state.acknowledged & ~state.target) !== 0) {
        const way: string[] = [];
        for (let at = seen.get(key(state)); at !== null && at !== undefined; at = seen.get(at[1])) way.unshift(at[0]);
        return { states: seen.size, way };
      }
      for (const [what, each] of next(state, rules)) {
        const id = key(each);
        if (seen.has(id)) continue;
        seen.set(id, [what, key(state)]);
        following.push(each);
      }
    }
    layer = following;
  }
  return { states: seen.size, way: undefined };
}
