// What a running stack does for a rotation: its cells take other keys of the edge or of their own, and its edge signs with another one.
import { systemClock } from '../adapters/system/system.ts';
import { isPrivateKey, isPublicKey } from '../core/cell/jws.ts';
import type { ControlRoutes } from './control.ts';
import type { LocalEdge } from './edge.ts';
import type { LocalCell } from './local-cell.ts';
import { type RouteKeys, routeKeysOf } from './route-keys.ts';

export interface KeyOrdersDeps {
  readonly cells: () => readonly LocalCell[];
  /** `undefined` for a stack without an edge. */
  readonly edge: () => LocalEdge | undefined;
  /** Takes in the key that tokens of the stack are signed with from now on. */
  readonly signing: (keys: RouteKeys) => void;
}

/** The keys that a cell takes at most, as in its settings. */
const MAXIMUM_KEYS = 2;

/** Returns the routes; one order after the other. */
export function keyOrders({ cells, edge, signing }: KeyOrdersDeps) {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const next = turn.then(work, work);
    turn = next;
    return next;
  };
  const cellNamed = (id: string): LocalCell => {
    const cell = cells().find((each) => each.id === id);
    if (cell === undefined) throw new Error(`No cell ${JSON.stringify(id)} runs.`);
    return cell;
  };
  return {
    'POST /keys/accept': ({ query, body }) =>
      inTurn(async () => {
        const { keys } = (body ?? {}) as { keys?: unknown };
        if (!Array.isArray(keys) || keys.length < 1 || keys.length > MAXIMUM_KEYS || !keys.every(isPublicKey))
          throw new Error('The cells take one or two public Ed25519 keys.');
        await cellNamed(query.get('cell') ?? '').replaceKeys({ routeKeys: keys });
      }),
    'POST /keys/sign': ({ body }) =>
      inTurn(async () => {
        const { key } = (body ?? {}) as { key?: unknown };
        const running = edge();
        if (running === undefined) throw new Error('This stack has no edge.');
        if (!isPrivateKey(key)) throw new Error('The edge signs with a private Ed25519 key.');
        await running.replaceRouteKey(key);
        signing(routeKeysOf(key, systemClock));
      }),
    'POST /keys/identity': ({ query, body }) =>
      inTurn(async () => {
        const { key } = (body ?? {}) as { key?: unknown };
        if (!isPrivateKey(key)) throw new Error('A cell proves its identity with a private Ed25519 key.');
        await cellNamed(query.get('cell') ?? '').replaceKeys({ identityKey: key });
      }),
  } satisfies ControlRoutes;
}
