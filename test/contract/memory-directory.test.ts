// The directory contract, kept by the directory over its storage in memory.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import type { Directory } from '../../core/edge/ports/directory.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type Exemption, exemptFrom } from './contract.ts';
import type { DirectoryHarness } from './directory/harness.ts';
import { faultClauses } from './directory/history.ts';
import { directoryAtSize, directoryContract } from './directory.contract.ts';

const noNetwork: Exemption<DirectoryHarness> = {
  reason: 'it has no network',
  instead: async ({ directory, faults }) => {
    expect(faults).toBeUndefined();
    expect(await directory.cells()).toEqual([]);
  },
};

const openHarness = (): DirectoryHarness => {
  const storage = new MemoryDirectoryStorage();
  const clock = new FakeClock();
  let current = createDirectory({ storage, clock });
  const client: Directory = {
    lookup: (...call) => current.lookup(...call),
    cells: () => current.cells(),
    tenants: (...call) => current.tenants(...call),
    lease: (...call) => current.lease(...call),
    change: (...call) => current.change(...call),
    audit: (...call) => current.audit(...call),
  };
  return {
    directory: client,
    other: client,
    changeAll: (commands, intent) => Promise.all(commands.map((command) => client.change(command, intent))),
    restart: async () => {
      current = createDirectory({ storage, clock });
    },
    close: async () => undefined,
  };
};

directoryContract('memory', openHarness, exemptFrom(faultClauses, noNetwork));
directoryAtSize('memory', openHarness);
