// The assignments that a cell holds, when the edge's key is replaced: what it has adopted stays, and only what is offered is verified.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import { type Assignment, assignmentSigner } from '../../../core/cell/assignment.ts';
import type { EpochSeconds } from '../../../core/ports/clock.ts';
import type { PrivateKey, PublicKey } from '../../../core/ports/keys.ts';
import type { Store } from '../../../core/ports/store.ts';
import { heldAssignments } from '../../../core/replication/held-assignments.ts';
import { replicaNotes } from '../../../core/replication/notes.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { crashing } from '../../support/crashing.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { EDGE_KEY, NOW_SECONDS, publicPart, SECOND_KEY } from '../../support/route-tokens.ts';

const cell = (id: string) => ({ id, endpoint: `https://${id}.example`, keys: [publicPart(SECOND_KEY)] });

const signed = (key: PrivateKey, more: Partial<Assignment> = {}) =>
  assignmentSigner(key)({
    ...{ tenant: 'acme', home: cell('home'), standby: cell('standby'), firstEpoch: 1, epoch: 1 },
    issuedAt: NOW_SECONDS as EpochSeconds,
    ...more,
  });

const holding = (state: Store, keys: readonly PublicKey[], id = 'home') =>
  heldAssignments({ cell: id, state, keys, notes: replicaNotes(state, new FakeClock()) });

test('what was adopted under a key that the cell does not have any more still says who served and who is a peer', async () => {
  const state = checkedStore(new MemoryStore({ clock: new FakeClock() }));
  const old = await signed(EDGE_KEY);
  await holding(state, [publicPart(EDGE_KEY)]).adopt(old);
  const after = holding(state, [publicPart(SECOND_KEY)]);
  expect(await after.served('acme', 1, 'home')).toBe(true);
  expect((await after.newest('acme'))?.signed).toBe(old);
  // What is offered is verified, whatever it says.
  expect(await after.adopt(old)).toBe('its key is not known here');
});

test('the same assignment, signed again later with the new key, takes the place of the old one', async () => {
  const state = checkedStore(new MemoryStore({ clock: new FakeClock() }));
  const held = holding(state, [publicPart(EDGE_KEY), publicPart(SECOND_KEY)]);
  await held.adopt(await signed(EDGE_KEY));
  const again = await signed(SECOND_KEY, { issuedAt: (NOW_SECONDS + 1) as EpochSeconds });
  await held.adopt(again);
  expect((await held.newest('acme'))?.signed).toBe(again);
});

test('an assignment that a key has signed which is not taken any more yields to one of a present key, whatever epoch it claims', async () => {
  const state = checkedStore(new MemoryStore({ clock: new FakeClock() }));
  const stolen = await signed(EDGE_KEY, { standby: cell('attacker'), firstEpoch: 1_000_000, epoch: 1_000_001 });
  await holding(state, [publicPart(EDGE_KEY)]).adopt(stolen);
  const after = holding(state, [publicPart(SECOND_KEY)]);
  const again = await signed(SECOND_KEY, { firstEpoch: 3, epoch: 4 });
  expect(await after.adopt(again)).toMatchObject({ epoch: 4, standby: { id: 'standby' } });
  expect((await after.newest('acme'))?.signed).toBe(again);
  // The same place in the store is no protection either.
  const same = await signed(SECOND_KEY, { firstEpoch: 1_000_000, epoch: 1_000_000 });
  expect(await after.adopt(same)).toMatchObject({ epoch: 1_000_000 });
  expect((await after.newest('acme'))?.signed).toBe(same);
});

test.each([false, true])(
  'a process that ends after its request (%s), at each: what is held has its note',
  async (after) => {
    for (let left = 1, isDone = false; !isDone; left += 1) {
      expect(left).toBeLessThan(20);
      const state = checkedStore(new MemoryStore({ clock: new FakeClock() }));
      const keys = [publicPart(EDGE_KEY)];
      const adopt = async (store: Store) => holding(store, keys).adopt(await signed(EDGE_KEY));
      isDone = await adopt(crashing(state, { left, after })).then(
        () => true,
        () => false,
      );
      const isHeld = (await holding(state, keys).newest('acme')) !== undefined;
      const note = () => replicaNotes(state, new FakeClock()).sender('acme', 'standby');
      if (isHeld) expect(await note()).toMatchObject({ joinedAt: expect.any(Number), walk: null });
      await adopt(state);
      expect(await note()).toMatchObject({ joinedAt: expect.any(Number), walk: null });
    }
  },
);
