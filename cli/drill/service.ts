// How the clients of a drill were served: by tenant and by phase, in memory that does not grow with the number of requests.

export const PHASES = ['before', 'fault', 'after'] as const;
export type Phase = (typeof PHASES)[number];

/** One request that has ended. */
export interface Served {
  readonly tenant: string;
  /** The phase in which it was sent. */
  readonly phase: Phase;
  /** In milliseconds since the drill began. */
  readonly sentAt: number;
  readonly endedAt: number;
  /** The answer's status, or why there was none: `timeout`, `ECONNREFUSED`. */
  readonly status: number | string;
  /** The cell that the answer names. */
  readonly cell: string | null;
}

export interface PhaseSummary {
  readonly requests: number;
  readonly succeeded: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Upper bounds of the latency histogram, in milliseconds: each a twentieth above the one before. */
const STEP = 1.05;
const BUCKETS = 250;

const bucketOf = (latencyMs: number): number =>
  Math.min(BUCKETS - 1, Math.max(0, Math.ceil(Math.log(Math.max(latencyMs, 1)) / Math.log(STEP))));

/** Different statuses that are counted one by one; there are rarely more than ten. */
const STATUSES = 50;

/** Counts and latencies of many requests. */
export class Tally {
  readonly byStatus = new Map<string, number>();
  readonly #buckets = new Uint32Array(BUCKETS);
  requests = 0;
  succeeded = 0;

  add({ status, sentAt, endedAt }: Served): void {
    this.requests += 1;
    const bucket = bucketOf(endedAt - sentAt);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    if (isSuccess(status)) this.succeeded += 1;
    const name = this.byStatus.has(String(status)) || this.byStatus.size < STATUSES ? String(status) : 'other';
    this.byStatus.set(name, (this.byStatus.get(name) ?? 0) + 1);
  }

  merge(other: Tally): void {
    this.requests += other.requests;
    this.succeeded += other.succeeded;
    for (const [name, count] of other.byStatus) this.byStatus.set(name, (this.byStatus.get(name) ?? 0) + count);
    for (const [index, count] of other.#buckets.entries()) this.#buckets[index] = (this.#buckets[index] ?? 0) + count;
  }

  summary(): PhaseSummary {
    return {
      requests: this.requests,
      succeeded: this.succeeded,
      byStatus: Object.fromEntries([...this.byStatus].sort(([a], [b]) => (a < b ? -1 : 1))),
      p50Ms: this.#percentile(0.5),
      p99Ms: this.#percentile(0.99),
    };
  }

  #percentile(share: number): number {
    let left = Math.ceil(this.requests * share);
    if (left === 0) return 0;
    for (const [index, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.round(STEP ** index * 10) / 10;
    }
    return 0;
  }
}

/** Only this acknowledges an event. */
export const isSuccess = (status: Served['status']): boolean => status === 202;

interface TenantService {
  readonly home: string;
  readonly phases: Readonly<Record<Phase, Tally>>;
  /** Requests after the failback that succeeded at home. */
  atHome: number;
  /** The cell of the latest request that succeeded. */
  latest: string | null;
  /** Requests that were answered by a cell that must not serve the tenant. */
  wrong: number;
  /** The end of the first success of a request that was sent when the fault was complete. */
  firstSuccess: number | null;
  lastFailure: number | null;
}

/** Records how tenants are served. Only tenants named at construction count. */
export class ServiceRecord {
  readonly #tenants = new Map<string, TenantService>();
  #faultAt: number | null = null;
  #completeAt: number | null = null;

  /** `tenants`: tenant → its home. */
  constructor(tenants: ReadonlyMap<string, string>) {
    for (const [tenant, home] of tenants)
      this.#tenants.set(tenant, {
        home,
        phases: { before: new Tally(), fault: new Tally(), after: new Tally() },
        atHome: 0,
        latest: null,
        wrong: 0,
        firstSuccess: null,
        lastFailure: null,
      });
  }

  /** Notes when the fault was requested and when it was complete: recovery is measured from the first, by requests sent after the second. */
  faulted(askedAt: number, completeAt: number): void {
    this.#faultAt = askedAt;
    this.#completeAt = completeAt;
  }

  add(served: Served, mayServe: (tenant: string, cell: string) => boolean = () => true): void {
    const tenant = this.#tenants.get(served.tenant);
    if (tenant === undefined) return;
    tenant.phases[served.phase].add(served);
    const succeeded = isSuccess(served.status);
    if (succeeded) tenant.latest = served.cell;
    if (succeeded && served.cell !== null && !mayServe(served.tenant, served.cell)) tenant.wrong += 1;
    if (succeeded && served.phase === 'after' && served.cell === tenant.home) tenant.atHome += 1;
    if (served.phase !== 'fault') return;
    if (!succeeded) tenant.lastFailure = Math.max(tenant.lastFailure ?? 0, served.endedAt);
    else if (this.#completeAt !== null && served.sentAt >= this.#completeAt)
      tenant.firstSuccess = Math.min(tenant.firstSuccess ?? Number.POSITIVE_INFINITY, served.endedAt);
  }

  /** Answers by a wrong cell, of all tenants. */
  get wrong(): number {
    return [...this.#tenants.values()].reduce((sum, each) => sum + each.wrong, 0);
  }

  /** Whether the latest request of each tenant of these homes succeeded there. */
  isAtHome(homes: ReadonlySet<string>): boolean {
    return [...this.#tenants.values()].every(({ home, latest }) => !homes.has(home) || latest === home);
  }

  /** Whether each tenant of these homes has been served since the fault was complete. */
  isRecovered(homes: ReadonlySet<string>): boolean {
    return [...this.#tenants.values()].every(({ home, firstSuccess }) => !homes.has(home) || firstSuccess !== null);
  }

  /** Requests of the home's tenants that succeeded there after the failback. */
  atHome(home: string): number {
    return [...this.#tenants.values()].reduce((sum, each) => sum + (each.home === home ? each.atHome : 0), 0);
  }

  /** How long each tenant of the home had no service, in milliseconds since the fault; `null` if it never came back. */
  recovery(
    home: string,
  ): readonly { readonly tenant: string; readonly rtoMs: number | null; readonly lastFailureMs: number | null }[] {
    const faultAt = this.#faultAt ?? 0;
    return [...this.#tenants]
      .filter(([, each]) => each.home === home)
      .map(([tenant, { firstSuccess, lastFailure }]) => ({
        tenant,
        rtoMs: firstSuccess === null ? null : Math.round(firstSuccess - faultAt),
        lastFailureMs: lastFailure === null ? null : Math.round(lastFailure - faultAt),
      }));
  }

  /** A phase over the tenants of some homes. */
  phase(phase: Phase, isOf: (home: string) => boolean): PhaseSummary {
    return this.phaseOf(phase, (tenant) => isOf(this.#tenants.get(tenant)?.home ?? ''));
  }

  /** A phase over some tenants. */
  phaseOf(phase: Phase, isOf: (tenant: string) => boolean): PhaseSummary {
    return this.phasesOf([phase], isOf);
  }

  /** Some phases together, over some tenants. */
  phasesOf(wanted: readonly Phase[], isOf: (tenant: string) => boolean): PhaseSummary {
    const sum = new Tally();
    for (const [tenant, { phases }] of this.#tenants)
      if (isOf(tenant)) for (const phase of wanted) sum.merge(phases[phase]);
    return sum.summary();
  }

  /** Whether the latest request of each of these tenants that succeeded was served by this cell. */
  isServedBy(cell: string, tenants: readonly string[]): boolean {
    return tenants.every((tenant) => this.#tenants.get(tenant)?.latest === cell);
  }
}
