// The contract of a directory's storage, kept in memory.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { directoryStorageContract, type RemoteStorage } from './directory-storage.contract.ts';

directoryStorageContract('memory', () => {
  const memory = new MemoryDirectoryStorage();
  const storage: RemoteStorage = {
    revision: async () => memory.revision(),
    epochFloor: async () => memory.epochFloor(),
    effectsFloor: async () => memory.effectsFloor(),
    leaseUntil: async (cell) => memory.leaseUntil(cell),
    recordLease: async (cell, until) => memory.recordLease(cell, until),
    cell: async (id) => memory.cell(id),
    cells: async () => memory.cells(),
    tenant: async (id) => memory.tenant(id),
    tenants: async (query) => memory.tenants(query),
    homes: async (cell) => memory.homes(cell),
    standbysByHome: async (cell) => memory.standbysByHome(cell),
    homesByStandby: async (cell) => memory.homesByStandby(cell),
    write: async (records, entry) => memory.write(records, entry),
    audit: async (query) => memory.audit(query),
    unpublished: async (limit) => memory.unpublished(limit),
    published: async (record) => memory.published(record),
  };
  return {
    storage,
    step: async (writes, fails) =>
      memory.atomically(() => {
        for (const [records, entry] of writes) memory.write(records, entry);
        if (fails) throw new Error('The step failed.');
      }),
    // Memory is all there is of it: what must outlive the process is the real one's promise.
    restart: async () => undefined,
    close: async () => undefined,
  };
});
