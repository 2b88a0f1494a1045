// The directory's storage in memory, for unit tests; it fulfils the same contract as the real one.

import type { AuditEntry, Cell, DirectoryRecord, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { DirectoryStorage } from '../../core/edge/ports/directory-storage.ts';

type Query = Parameters<DirectoryStorage['tenants']>[0];
type Kind = 'cell' | 'tenant';

/** Tenants with the same home and standby. */
interface Group {
  readonly home: string;
  readonly standby: string | null;
  tenants: number;
}

const keyOf = (kind: Kind, id: string): string => `${kind}/${id}`;
const byId = <T extends { readonly id: string }>(a: T, b: T): number => (a.id < b.id ? -1 : 1);

export class MemoryDirectoryStorage implements DirectoryStorage {
  /** Records as text, so that no caller holds a reference to stored data. */
  readonly #records = new Map<string, string>();
  readonly #audit: string[] = [];
  readonly #groups = new Map<string, Group>();
  readonly #outbox = new Map<string, number>();
  /** Sorted ids of the tenants; recomputed on demand after one has been added or removed. */
  #ids: string[] | undefined;
  #cells: string[] = [];
  #revision = 0;
  #epochFloor = 1;
  #effectsFloor = 0;
  readonly #leases = new Map<string, number>();
  /** Undoes the writes of the current step, in the order of the writes. */
  #undo: (() => void)[] | undefined;

  atomically<T>(work: () => T): T {
    if (this.#undo !== undefined) throw new TypeError('A step is under way already.');
    this.#undo = [];
    try {
      return work();
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    } finally {
      this.#undo = undefined;
    }
  }

  revision(): number {
    return this.#revision;
  }

  epochFloor(): number {
    return this.#epochFloor;
  }

  effectsFloor(): number {
    return this.#effectsFloor;
  }

  leaseUntil(cell: string): number {
    return this.#leases.get(cell) ?? 0;
  }

  recordLease(cell: string, until: number): void {
    const before = this.leaseUntil(cell);
    this.#undo?.push(() => void this.#leases.set(cell, before));
    this.#leases.set(cell, until);
  }

  cell(id: string): Cell | undefined {
    return this.#read('cell', id) as Cell | undefined;
  }

  cells(): readonly Cell[] {
    return this.#cells.map((id) => this.#read('cell', id) as Cell).sort(byId);
  }

  tenant(id: string): Tenant | undefined {
    return this.#read('tenant', id) as Tenant | undefined;
  }

  tenants({ cell, after = '', limit }: Query): readonly Tenant[] {
    this.#ids ??= [...this.#records.keys()]
      .flatMap((key) => (key.startsWith('tenant/') ? [key.slice('tenant/'.length)] : []))
      .sort((a, b) => (a < b ? -1 : 1));
    const found: Tenant[] = [];
    for (let index = firstAfter(this.#ids, after); found.length < limit; index += 1) {
      const id = this.#ids[index];
      if (id === undefined) break;
      const tenant = this.#read('tenant', id) as Tenant;
      if (cell === undefined || tenant.cell === cell) found.push(tenant);
    }
    return found;
  }

  homes(cell: string): number {
    return this.homesByStandby(cell).reduce((sum, { tenants }) => sum + tenants, 0);
  }

  standbysByHome(cell: string): readonly { readonly home: string; readonly tenants: number }[] {
    return [...this.#groups.values()]
      .filter(({ standby, tenants }) => standby === cell && tenants > 0)
      .map(({ home, tenants }) => ({ home, tenants }))
      .sort((a, b) => (a.home < b.home ? -1 : 1));
  }

  homesByStandby(cell: string): readonly { readonly standby: string | null; readonly tenants: number }[] {
    return [...this.#groups.values()]
      .filter(({ home, tenants }) => home === cell && tenants > 0)
      .map(({ standby, tenants }) => ({ standby, tenants }))
      .sort((a, b) => ((a.standby ?? '') < (b.standby ?? '') ? -1 : 1));
  }

  write(records: readonly DirectoryRecord[], entry: AuditEntry): void {
    const before = { revision: this.#revision, cells: this.#cells };
    const floors = { epoch: this.#epochFloor, effects: this.#effectsFloor };
    this.#revision = entry.revision;
    this.#audit.push(JSON.stringify(entry));
    this.#undo?.push(() => {
      this.#revision = before.revision;
      this.#cells = before.cells;
      this.#epochFloor = floors.epoch;
      this.#effectsFloor = floors.effects;
      this.#audit.pop();
    });
    for (const record of records) this.#put(record);
  }

  audit({ before, limit }: { readonly before?: number; readonly limit: number }) {
    const end = Math.min(this.#audit.length, (before ?? Number.POSITIVE_INFINITY) - 1);
    return this.#audit
      .slice(Math.max(0, end - limit), Math.max(0, end))
      .map((text, index) => ({
        sequence: Math.max(0, end - limit) + index + 1,
        entry: JSON.parse(text) as AuditEntry,
      }))
      .reverse();
  }

  unpublished(limit: number): readonly DirectoryRecord[] {
    return [...this.#outbox].slice(0, limit).map(([key, revision]) => {
      const [kind = '', id = ''] = key.split('/');
      const value = this.#read(kind as Kind, id);
      if (value !== undefined) return { kind, value } as DirectoryRecord;
      const floors = { epochFloor: this.#epochFloor, effectsFrom: this.#effectsFloor };
      return { kind: 'removed-tenant', value: { id, ...floors, revision } };
    });
  }

  published({ kind, value }: DirectoryRecord): void {
    const key = keyOf(kind === 'cell' ? 'cell' : 'tenant', value.id);
    const revision = this.#outbox.get(key);
    if (revision === undefined || revision > value.revision) return;
    this.#outbox.delete(key);
  }

  #read(kind: Kind, id: string): Cell | Tenant | undefined {
    const text = this.#records.get(keyOf(kind, id));
    return text === undefined ? undefined : (JSON.parse(text) as Cell | Tenant);
  }

  #put(record: DirectoryRecord): void {
    const { id, revision } = record.value;
    const kind = record.kind === 'cell' ? 'cell' : 'tenant';
    const value = record.kind === 'removed-tenant' ? undefined : record.value;
    const key = keyOf(kind, id);
    const before = this.#records.get(key);
    const waiting = this.#outbox.get(key);
    const known = this.#read(kind, id);
    const count = (record: Cell | Tenant | undefined, by: number) => {
      if (kind === 'tenant' && record !== undefined) this.#count(record as Tenant, by);
    };
    this.#undo?.push(() => {
      if (before === undefined) this.#records.delete(key);
      else this.#records.set(key, before);
      if (waiting === undefined) this.#outbox.delete(key);
      else this.#outbox.set(key, waiting);
      count(value, -1);
      count(known, 1);
      this.#ids = undefined;
    });
    if (record.kind === 'removed-tenant') {
      this.#epochFloor = Math.max(this.#epochFloor, record.value.epochFloor);
      this.#effectsFloor = Math.max(this.#effectsFloor, record.value.effectsFrom);
    }
    if (value === undefined) this.#records.delete(key);
    else this.#records.set(key, JSON.stringify(value));
    // After those with older revisions.
    this.#outbox.delete(key);
    this.#outbox.set(key, revision);
    count(known, -1);
    count(value, 1);
    if (before !== undefined && value !== undefined) return;
    if (kind === 'cell') this.#cells = [...this.#cells, id];
    else this.#ids = undefined;
  }

  #count({ cell: home, standby }: Tenant, by: number): void {
    const key = `${home}/${standby ?? ''}`;
    const group = this.#groups.get(key) ?? { home, standby, tenants: 0 };
    group.tenants += by;
    this.#groups.set(key, group);
  }
}

/** The index of the first id greater than `after` in a sorted list. */
function firstAfter(ids: readonly string[], after: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
