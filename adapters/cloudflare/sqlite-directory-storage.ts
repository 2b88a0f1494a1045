// The directory's storage in the SQLite database of a Durable Object.

import type {
  AuditEntry,
  Cell,
  DirectoryRecord,
  RemovedTenant,
  Tenant,
} from '../../core/edge/ports/directory-model.ts';
import type { DirectoryStorage } from '../../core/edge/ports/directory-storage.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { ObjectStorage, SqlValue } from './platform.ts';

type Query = Parameters<DirectoryStorage['tenants']>[0];

/** The schema version of the tables below; code that finds a newer one has been rolled back too far and must not write. */
const SCHEMA = 1;

/** Stands for no standby: cell names are not empty, and a primary key cannot contain NULL. */
const NO_STANDBY = '';

/** `pairs` counts the tenants of each pair of home and standby, so that no query about a cell reads its tenants. */
const TABLES = [
  'CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS cells (id TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS tenants (id TEXT PRIMARY KEY, home TEXT NOT NULL, record TEXT NOT NULL) WITHOUT ROWID',
  'CREATE INDEX IF NOT EXISTS tenants_by_home ON tenants (home, id)',
  `CREATE TABLE IF NOT EXISTS pairs (home TEXT NOT NULL, standby TEXT NOT NULL, tenants INTEGER NOT NULL,
     PRIMARY KEY (home, standby)) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS pairs_by_standby ON pairs (standby, home)',
  'CREATE TABLE IF NOT EXISTS audit (sequence INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL)',
  `CREATE TABLE IF NOT EXISTS outbox (kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
     PRIMARY KEY (kind, id)) WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS outbox_by_revision ON outbox (revision)',
  // Ignored by earlier versions, which record no leases and wait for none.
  'CREATE TABLE IF NOT EXISTS leases (cell TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID',
];

const TABLE_OF = { cell: 'cells', tenant: 'tenants' } as const;

/** A removal replaces what the outbox holds of its tenant. */
const tableKind = (kind: DirectoryRecord['kind']): keyof typeof TABLE_OF => (kind === 'cell' ? 'cell' : 'tenant');

export class SqliteDirectoryStorage implements DirectoryStorage {
  readonly #storage: ObjectStorage;

  /** Creates missing tables. Throws `misconfigured` if a later version created them. */
  constructor(storage: ObjectStorage) {
    this.#storage = storage;
    storage.transactionSync(() => {
      for (const table of TABLES) this.#run(table);
      const schema = this.#fact('schema') ?? SCHEMA;
      if (schema > SCHEMA)
        throw new PortError('misconfigured', `The directory's tables have form ${schema}; this code knows ${SCHEMA}.`);
      this.#run('INSERT OR IGNORE INTO facts VALUES (?, ?)', 'schema', SCHEMA);
    });
  }

  atomically<T>(work: () => T): T {
    return this.#storage.transactionSync(work);
  }

  revision(): number {
    return this.#fact('revision') ?? 0;
  }

  epochFloor(): number {
    return this.#fact('epochFloor') ?? 1;
  }

  effectsFloor(): number {
    return this.#fact('effectsFloor') ?? 0;
  }

  leaseUntil(cell: string): number {
    const [row] = this.#run('SELECT until FROM leases WHERE cell = ?', cell);
    return row === undefined ? 0 : Number(row.until);
  }

  recordLease(cell: string, until: number): void {
    this.#run('INSERT OR REPLACE INTO leases VALUES (?, ?)', cell, until);
  }

  cell(id: string): Cell | undefined {
    return this.#records<Cell>('SELECT record FROM cells WHERE id = ?', id)[0];
  }

  cells(): readonly Cell[] {
    return this.#records<Cell>('SELECT record FROM cells ORDER BY id');
  }

  tenant(id: string): Tenant | undefined {
    return this.#records<Tenant>('SELECT record FROM tenants WHERE id = ?', id)[0];
  }

  tenants({ cell, after = '', limit }: Query): readonly Tenant[] {
    return cell === undefined
      ? this.#records('SELECT record FROM tenants WHERE id > ? ORDER BY id LIMIT ?', after, limit)
      : this.#records('SELECT record FROM tenants WHERE home = ? AND id > ? ORDER BY id LIMIT ?', cell, after, limit);
  }

  homes(cell: string): number {
    const [row] = this.#run('SELECT COALESCE(SUM(tenants), 0) AS tenants FROM pairs WHERE home = ?', cell);
    return Number(row?.tenants);
  }

  standbysByHome(cell: string): readonly { readonly home: string; readonly tenants: number }[] {
    return this.#run('SELECT home, tenants FROM pairs WHERE standby = ? ORDER BY home', cell).map((row) => ({
      home: String(row.home),
      tenants: Number(row.tenants),
    }));
  }

  homesByStandby(cell: string): readonly { readonly standby: string | null; readonly tenants: number }[] {
    return this.#run('SELECT standby, tenants FROM pairs WHERE home = ? ORDER BY standby', cell).map((row) => ({
      standby: row.standby === NO_STANDBY ? null : String(row.standby),
      tenants: Number(row.tenants),
    }));
  }

  write(records: readonly DirectoryRecord[], entry: AuditEntry): void {
    this.#run('INSERT OR REPLACE INTO facts VALUES (?, ?)', 'revision', entry.revision);
    this.#run('INSERT INTO audit (entry) VALUES (?)', JSON.stringify(entry));
    for (const { kind, value } of records) {
      if (kind === 'cell') this.#run('INSERT OR REPLACE INTO cells VALUES (?, ?)', value.id, JSON.stringify(value));
      else if (kind === 'tenant') this.#writeTenant(value);
      else this.#removeTenant(value);
      this.#run('INSERT OR REPLACE INTO outbox VALUES (?, ?, ?)', tableKind(kind), value.id, value.revision);
    }
  }

  audit({ before, limit }: { readonly before?: number; readonly limit: number }) {
    return this.#run(
      'SELECT sequence, entry FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?',
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    ).map((row) => ({ sequence: Number(row.sequence), entry: JSON.parse(String(row.entry)) as AuditEntry }));
  }

  unpublished(limit: number): readonly DirectoryRecord[] {
    const query = 'SELECT kind, id, revision FROM outbox ORDER BY revision, kind, id LIMIT ?';
    return this.#run(query, limit).map((row) => {
      const kind = row.kind === 'cell' ? 'cell' : 'tenant';
      const id = String(row.id);
      const [value] = this.#records<Cell | Tenant>(`SELECT record FROM ${TABLE_OF[kind]} WHERE id = ?`, id);
      if (value !== undefined) return { kind, value } as DirectoryRecord;
      const revision = Number(row.revision);
      const floors = { epochFloor: this.epochFloor(), effectsFrom: this.effectsFloor() };
      return { kind: 'removed-tenant', value: { id, ...floors, revision } };
    });
  }

  published({ kind, value }: DirectoryRecord): void {
    this.#run(
      'DELETE FROM outbox WHERE kind = ? AND id = ? AND revision <= ?',
      tableKind(kind),
      value.id,
      value.revision,
    );
  }

  #run(query: string, ...bindings: SqlValue[]): Record<string, SqlValue>[] {
    return this.#storage.sql.exec(query, ...bindings).toArray();
  }

  #records<T>(query: string, ...bindings: SqlValue[]): T[] {
    return this.#run(query, ...bindings).map(({ record }) => JSON.parse(String(record)) as T);
  }

  #fact(name: string): number | undefined {
    const [row] = this.#run('SELECT value FROM facts WHERE name = ?', name);
    return row === undefined ? undefined : Number(row.value);
  }

  #writeTenant(tenant: Tenant): void {
    const before = this.tenant(tenant.id);
    if (before !== undefined) this.#count(before, -1);
    this.#count(tenant, 1);
    this.#run('INSERT OR REPLACE INTO tenants VALUES (?, ?, ?)', tenant.id, tenant.cell, JSON.stringify(tenant));
  }

  #removeTenant({ id, epochFloor, effectsFrom }: RemovedTenant): void {
    const before = this.tenant(id);
    if (before !== undefined) this.#count(before, -1);
    this.#run('DELETE FROM tenants WHERE id = ?', id);
    const floors = {
      epochFloor: Math.max(epochFloor, this.epochFloor()),
      effectsFloor: Math.max(effectsFrom, this.effectsFloor()),
    };
    for (const [name, floor] of Object.entries(floors))
      this.#run('INSERT OR REPLACE INTO facts VALUES (?, ?)', name, floor);
  }

  #count({ cell, standby }: Tenant, by: number): void {
    const pair = [cell, standby ?? NO_STANDBY];
    this.#run(
      'INSERT INTO pairs VALUES (?, ?, ?) ON CONFLICT (home, standby) DO UPDATE SET tenants = tenants + excluded.tenants',
      ...pair,
      by,
    );
    this.#run('DELETE FROM pairs WHERE home = ? AND standby = ? AND tenants <= 0', ...pair);
  }
}
