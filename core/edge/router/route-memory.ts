// An isolate's memory of tenants and cells: bounded, and never replaced by older records.
import { BoundedCache } from '../../lib/bounded-cache.ts';
import {
  type Cell,
  isServing,
  type OnIsolation,
  type Resolution,
  resolveTenant,
  type Tenant,
} from '../ports/directory-model.ts';

interface Known<T> {
  record: T;
  /** When the read cache or the directory last returned this record or an older one. */
  checkedAt: number;
  /** When the directory itself was asked for it; minus infinity if it came only from the read cache. */
  askedAt: number;
}

/** A name that the directory did not know. */
interface Negative {
  /** The directory is not asked again before this. */
  readonly until: number;
  /** The directory's revision then: the read cache may still have an older record of a tenant that was removed. */
  readonly revision: number;
}

/** When the known route of a tenant was last confirmed. */
export interface Confirmation {
  /** When read cache or directory last confirmed tenant and home. */
  readonly checkedAt: number;
  /** When the directory was last asked for them and confirmed them. */
  readonly askedAt: number;
  readonly onIsolation: OnIsolation;
}

export interface RouteMemoryLimits {
  readonly tenants: number;
  readonly cells: number;
  readonly negatives: number;
  readonly freshMs: number;
  readonly negativeMs: number;
  readonly staleMs: number;
}

/** Whether requests may be sent to the cell. */
export type IsTrusted = (cell: Cell) => boolean;

/** A cell whose endpoint has proved that it is the cell. */
export const hasProved: IsTrusted = ({ endpoint, provedEndpoint }) => provedEndpoint === endpoint;

export class RouteMemory {
  readonly #tenants: BoundedCache<string, Known<Tenant>>;
  readonly #cells: BoundedCache<string, Known<Cell>>;
  readonly #negatives: BoundedCache<string, Negative>;
  readonly #limits: RouteMemoryLimits;
  readonly #isTrusted: IsTrusted;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  readonly #cellOf = (id: string): Cell | undefined => this.#cells.get(id)?.record;

  constructor(limits: RouteMemoryLimits, isTrusted: IsTrusted = () => true) {
    this.#limits = limits;
    this.#isTrusted = isTrusted;
    this.#tenants = new BoundedCache(limits.tenants);
    this.#cells = new BoundedCache(limits.cells);
    this.#negatives = new BoundedCache(limits.negatives);
  }

  /** Entries of each kind. */
  get sizes(): { readonly tenants: number; readonly cells: number; readonly negatives: number } {
    return { tenants: this.#tenants.size, cells: this.#cells.size, negatives: this.#negatives.size };
  }

  /** The resolution that can be used without a lookup, if there is one. */
  current(id: string, now: number): Resolution | undefined {
    const known = this.#tenants.get(id);
    if (known === undefined) return undefined;
    if (now < this.#pausedUntil) return this.lastKnown(id, now);
    if (!this.#isFresh(known, now)) return undefined;
    const home = this.#cells.get(known.record.cell);
    if (home === undefined || !this.#isFresh(home, now)) return undefined;
    if (!isServing(home.record) && known.record.standby !== null) {
      const standby = this.#cells.get(known.record.standby);
      if (standby === undefined || !this.#isFresh(standby, now)) return undefined;
    }
    return this.#resolve(known.record);
  }

  /** The last resolution, if it is not older than `staleMs`; none if one of its cells has been evicted. */
  lastKnown(id: string, now: number): Resolution | undefined {
    const known = this.#tenants.get(id);
    if (known === undefined || now - known.checkedAt >= this.#limits.staleMs) return undefined;
    const home = this.#cellOf(known.record.cell);
    if (home === undefined) return undefined;
    const { standby } = known.record;
    if (!isServing(home) && standby !== null && this.#cellOf(standby) === undefined) return undefined;
    return this.#resolve(known.record);
  }

  /** Whether no tenant is known to have this name. */
  isNegative(id: string, now: number): boolean {
    const negative = this.#negatives.get(id);
    return negative !== undefined && now < negative.until;
  }

  /** Whether the directory has said since this record that there is no such tenant. */
  isRemoved({ id, revision }: Tenant): boolean {
    const negative = this.#negatives.get(id);
    return negative !== undefined && revision <= negative.revision;
  }

  tenant(id: string): Tenant | undefined {
    return this.#tenants.get(id)?.record;
  }

  /** The cell's record, if it was confirmed recently. */
  freshCell(id: string, now: number): Cell | undefined {
    const known = this.#cells.get(id);
    return known !== undefined && this.#isFresh(known, now) ? known.record : undefined;
  }

  /** When the tenant's route was last confirmed; `undefined` if nothing is known of the tenant. */
  confirmation(id: string): Confirmation | undefined {
    const known = this.#tenants.get(id);
    const home = known === undefined ? undefined : this.#cells.get(known.record.cell);
    if (known === undefined || home === undefined) return undefined;
    return {
      checkedAt: Math.min(known.checkedAt, home.checkedAt),
      askedAt: Math.min(known.askedAt, home.askedAt),
      onIsolation: known.record.onIsolation ?? 'serve',
    };
  }

  /** When the directory itself last returned this cell's record. */
  askedAt(cell: string): number {
    return this.#cells.get(cell)?.askedAt ?? Number.NEGATIVE_INFINITY;
  }

  /** `askedAt`: when the directory was asked; without it the record is the read cache's. */
  keepTenant(tenant: Tenant, now: number, askedAt = Number.NEGATIVE_INFINITY): void {
    this.#pausedUntil = Number.NEGATIVE_INFINITY;
    const known = this.#tenants.get(tenant.id);
    if (known === undefined) {
      this.#negatives.delete(tenant.id);
      this.#tenants.set(tenant.id, { record: tenant, checkedAt: now, askedAt });
      return;
    }
    if (tenant.revision >= known.record.revision) known.record = tenant;
    known.checkedAt = now;
    known.askedAt = Math.max(known.askedAt, askedAt);
  }

  /** `askedAt`: when the directory was asked; without it the record is the read cache's. */
  keepCell(cell: Cell, now: number, askedAt = Number.NEGATIVE_INFINITY): void {
    const known = this.#cells.get(cell.id);
    if (known === undefined) {
      this.#cells.set(cell.id, { record: cell, checkedAt: now, askedAt });
      return;
    }
    if (cell.revision >= known.record.revision) known.record = cell;
    known.checkedAt = now;
    known.askedAt = Math.max(known.askedAt, askedAt);
  }

  /** Remembers that the directory knew no such tenant at this revision. */
  keepNegative(id: string, now: number, revision: number): void {
    this.#tenants.delete(id);
    this.#negatives.set(id, { until: now + this.#limits.negativeMs, revision });
  }

  /** Serves last-known routes without lookups until this time, or until a lookup succeeds. */
  pause(until: number): void {
    this.#pausedUntil = until;
  }

  /** Whether last-known routes are served without lookups. */
  isPaused(now: number): boolean {
    return now < this.#pausedUntil;
  }

  /** No request is sent to an endpoint that has proved nothing, whatever a record says. */
  #resolve(tenant: Tenant): Resolution {
    const resolution = resolveTenant(tenant, this.#cellOf);
    if (resolution.status === 'unserved') return resolution;
    const cell = this.#cellOf(resolution.cell);
    if (cell !== undefined && this.#isTrusted(cell)) return resolution;
    return { status: 'unserved', reason: `the endpoint of ${resolution.cell} has never proved that it is the cell` };
  }

  /** A clock that was set back does not prolong freshness. */
  #isFresh({ checkedAt }: Known<unknown>, now: number): boolean {
    const age = now - checkedAt;
    return age >= 0 && age < this.#limits.freshMs;
  }
}
