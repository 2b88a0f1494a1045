// Resolves a tenant's route: from memory while fresh, from the read cache, from the directory, or as last known.

import { withTimeout } from '../../lib/timeout.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError, PortError } from '../../ports/errors.ts';
import type { Log } from '../../ports/log.ts';
import type { Directory } from '../ports/directory.ts';
import { type Cell, isServing, type Resolution } from '../ports/directory-model.ts';
import type { RouteCache } from '../ports/route-cache.ts';
import { type Confirmation, type IsTrusted, RouteMemory } from './route-memory.ts';
import { ROUTER_LIMITS } from './router-limits.ts';
import { SingleFlight } from './single-flight.ts';

export type Route =
  | Resolution
  /** The directory knows no such tenant. */
  | { readonly status: 'unknown' }
  /** Nothing is known of the tenant, and no lookup is possible. */
  | { readonly status: 'unavailable' };

export type ResolverLimits = Pick<
  { readonly [name in keyof typeof ROUTER_LIMITS]: number },
  | 'tenants'
  | 'cells'
  | 'negatives'
  | 'flights'
  | 'freshMs'
  | 'staleMs'
  | 'negativeMs'
  | 'pauseMs'
  | 'patienceMs'
  | 'lookupMs'
  | 'rereadMs'
  | 'confirmMs'
>;

export interface RouteResolverDeps {
  readonly cache: Pick<RouteCache, 'tenant' | 'cell'>;
  readonly directory: Pick<Directory, 'lookup'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<ResolverLimits>;
  /** Whether requests may be sent to a cell; to any of the directory by default. */
  readonly isTrusted?: IsTrusted;
}

/** Why the directory is asked although a route is known. */
export type RereadCause =
  /** The cell has newer information: its refusal concerns this one tenant. */
  | 'refused'
  /** The cell does not answer, which concerns all of its tenants. */
  | 'unreachable';

/** The outcome of a lookup; the records themselves are in memory by then. */
type Lookup = 'found' | 'unknown' | 'unavailable';

const WARNING_MS = 1000;

const UNKNOWN: Route = { status: 'unknown' };
const UNAVAILABLE: Route = { status: 'unavailable' };

export class RouteResolver {
  readonly #deps: RouteResolverDeps;
  readonly #limits: ResolverLimits;
  readonly #memory: RouteMemory;
  readonly #flights: SingleFlight<Lookup>;
  #failedAt = Number.NEGATIVE_INFINITY;
  /** The read cache is not asked before this time, because it did not answer: its delay would be added to the directory's. */
  #cachePausedUntil = Number.NEGATIVE_INFINITY;
  /** Message → when it was last logged; there are two. */
  readonly #warnedAt = new Map<string, number>();

  constructor(deps: RouteResolverDeps) {
    this.#deps = deps;
    this.#limits = { ...ROUTER_LIMITS, ...deps.limits };
    this.#memory = new RouteMemory(this.#limits, deps.isTrusted);
    const { flights, lookupMs } = this.#limits;
    this.#flights = new SingleFlight({ clock: deps.clock, capacity: flights, lifeMs: lookupMs });
  }

  /** Number of entries kept. */
  get sizes(): { readonly tenants: number; readonly cells: number; readonly negatives: number } {
    return this.#memory.sizes;
  }

  /** When the read cache or the directory last failed to answer. */
  get failedAt(): number {
    return this.#failedAt;
  }

  /** Resolves a tenant; without a promise if the memory is fresh. Never rejects. */
  resolve(tenant: string): Route | Promise<Route> {
    const now = this.#deps.clock.now();
    const current = this.#memory.current(tenant, now);
    if (current !== undefined) return this.#mustConfirm(tenant, now) ? this.#confirm(tenant) : current;
    if (this.#memory.isNegative(tenant, now)) return UNKNOWN;
    const lookup = this.#flights.run(tenant, () => this.#lookUp(tenant));
    return this.#memory.lastKnown(tenant, now) === undefined
      ? this.#outcome(tenant, lookup)
      : this.#impatient(tenant, lookup);
  }

  /** When the tenant's route was last confirmed; `undefined` if nothing is known of the tenant. */
  confirmation(tenant: string): Confirmation | undefined {
    return this.#memory.confirmation(tenant);
  }

  /** Whether only the directory can confirm the route now: the read cache may be behind, so its records confirm nothing to this tenant. */
  #mustConfirm(tenant: string, now: number): boolean {
    const known = this.#memory.confirmation(tenant);
    return (
      known?.onIsolation === 'refuse' && now - known.askedAt >= this.#limits.confirmMs && !this.#memory.isPaused(now)
    );
  }

  #confirm(tenant: string): Promise<Route> {
    return this.#impatient(
      tenant,
      this.#flights.run(`! ${tenant}`, () => this.#ask(tenant)),
    );
  }

  /**
   * Resolves a tenant again, from the directory and not from the read cache. When many requests find a cell unreachable, the
   * directory is asked once per `rereadMs` for all of them: its record of the cell applies to all. Never rejects.
   */
  async again(tenant: string, cause: RereadCause, cell: string): Promise<Route> {
    const { clock } = this.#deps;
    const now = clock.now();
    if (cause === 'unreachable' && now - this.#memory.askedAt(cell) < this.#limits.rereadMs)
      return this.#memory.lastKnown(tenant, now) ?? UNAVAILABLE;
    // The key cannot be a tenant's name: a shared lookup that the read cache may answer is not sufficient.
    return this.#outcome(
      tenant,
      this.#flights.run(`! ${tenant}`, () => this.#ask(tenant)),
    );
  }

  async #outcome(tenant: string, lookup: Promise<Lookup>): Promise<Route> {
    const result = await lookup.catch((): Lookup => 'unavailable');
    if (result === 'unknown') return UNKNOWN;
    const now = this.#deps.clock.now();
    if (result === 'unavailable') this.#memory.pause(now + this.#limits.pauseMs);
    return this.#memory.lastKnown(tenant, now) ?? UNAVAILABLE;
  }

  /** Prefers the last-known route to a late answer. The lookup continues; later requests use its result. */
  async #impatient(tenant: string, lookup: Promise<Lookup>): Promise<Route> {
    const { patienceMs } = this.#limits;
    const late = () => new PortError('unavailable', `The lookup has not ended within ${patienceMs} ms.`);
    return this.#outcome(tenant, withTimeout(this.#deps.clock, patienceMs, lookup, late));
  }

  async #lookUp(tenant: string): Promise<Lookup> {
    const { clock } = this.#deps;
    try {
      if (clock.now() >= this.#cachePausedUntil && (await this.#readCache(tenant)))
        if (!this.#mustConfirm(tenant, clock.now())) return 'found';
    } catch (error) {
      this.#cachePausedUntil = clock.now() + this.#limits.pauseMs;
      this.#warn('the read cache of routes does not answer', error);
    }
    return this.#ask(tenant);
  }

  /** Whether the read cache has the tenant and the cells needed to resolve it. */
  async #readCache(tenant: string): Promise<boolean> {
    const { cache, clock } = this.#deps;
    const record = await cache.tenant(tenant);
    if (record === undefined || this.#memory.isRemoved(record)) return false;
    this.#memory.keepTenant(record, clock.now());
    // The memory may hold a newer record of it.
    const { cell, standby } = this.#memory.tenant(tenant) ?? record;
    const home = await this.#cachedCell(cell);
    if (home === undefined) return false;
    return isServing(home) || standby === null || (await this.#cachedCell(standby)) !== undefined;
  }

  async #cachedCell(id: string): Promise<Cell | undefined> {
    const { cache, clock } = this.#deps;
    const known = this.#memory.freshCell(id, clock.now());
    if (known !== undefined) return known;
    const read = await cache.cell(id);
    if (read === undefined) return undefined;
    this.#memory.keepCell(read, clock.now());
    return this.#memory.freshCell(id, clock.now());
  }

  async #ask(tenant: string): Promise<Lookup> {
    const { directory, clock } = this.#deps;
    // The answer is dated from the request: a change may be made while it is in transit.
    const askedAt = clock.now();
    try {
      const found = await directory.lookup(tenant);
      const now = clock.now();
      for (const cell of found.cells) this.#memory.keepCell(cell, now, askedAt);
      if (found.tenant === null) {
        // Absent in answers of an earlier version.
        this.#memory.keepNegative(tenant, now, found.revision ?? 0);
        return 'unknown';
      }
      this.#memory.keepTenant(found.tenant, now, askedAt);
      return 'found';
    } catch (error) {
      this.#warn('the directory does not answer', error);
      return 'unavailable';
    }
  }

  /** Logs one line per second and kind: during an outage, every lookup fails. */
  #warn(message: string, error: unknown): void {
    const now = this.#deps.clock.now();
    this.#failedAt = now;
    if (now - (this.#warnedAt.get(message) ?? Number.NEGATIVE_INFINITY) < WARNING_MS) return;
    this.#warnedAt.set(message, now);
    this.#deps.log.warn(message, describeError(error));
  }
}
