// The store contract, kept by the store in memory.
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { HastyClock } from '../support/fake-clock.ts';
import { type Exemption, exemptFrom } from './contract.ts';
import { faultClauses } from './store/faults.ts';
import type { StoreHarness } from './store/harness.ts';
import { storeContract } from './store.contract.ts';

const noNetwork: Exemption<StoreHarness> = {
  reason: 'it has no network, and no table apart from itself',
  instead: async ({ store, missing, faults }) => {
    expect([missing, faults]).toStrictEqual([undefined, undefined]);
    // Just made, and never provisioned, it already answers.
    expect(await store.query('p', { limit: 1 })).toStrictEqual({ items: [] });
  },
};

storeContract(
  'memory',
  () => {
    const clock = new HastyClock();
    const store = new MemoryStore({ clock });
    return { store: checkedStore(store), other: checkedStore(store), clock, close: async () => undefined };
  },
  exemptFrom(faultClauses, noNetwork),
);
