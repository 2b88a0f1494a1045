// The route cache contract, kept in memory.
import { MemoryRouteCache } from '../../adapters/memory/memory-route-cache.ts';
import { type Exemption, exemptFrom } from './contract.ts';
import { type RouteCacheHarness, routeCacheContract, routeCacheFaultClauses } from './route-cache.contract.ts';

const noNetwork: Exemption<RouteCacheHarness> = {
  reason: 'it has no network, and is not shared',
  instead: async ({ cache, prefix, faults }) => {
    expect([faults, await cache.cell(prefix)]).toEqual([undefined, undefined]);
  },
};

routeCacheContract(
  'memory',
  () => ({ cache: new MemoryRouteCache(), prefix: 'memory', close: async () => undefined }),
  exemptFrom(routeCacheFaultClauses, noNetwork),
);
