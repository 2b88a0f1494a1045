// What a drill is carried out in: a load from its tenants, and everything that is remembered of it.
import { application } from '../../core/application.ts';
import type { Domain, Tally } from '../../core/domain/domain.ts';
import { UserError } from '../command.ts';
import type { StackClient } from '../stack-client.ts';
import { Ledger } from './ledger.ts';
import { Load } from './load.ts';
import { PerSecond } from './per-second.ts';
import { type Mark, type Moment, TIMELINE_LENGTH } from './report.ts';
import { isSuccess, ServiceRecord } from './service.ts';

export interface SceneOptions {
  readonly stack: StackClient;
  /** Address of the edge. */
  readonly edge: string;
  /** Tenant → home. */
  readonly homes: ReadonlyMap<string, string>;
  /** The tenants that the fault, or the move, is about; the others are their neighbours. */
  readonly isStruck: (tenant: string) => boolean;
  /** Which cells may serve a tenant. */
  readonly mayServe: (tenant: string, cell: string) => boolean;
  /** Events a second, in requests of `batch`. */
  readonly rate: number;
  readonly batch: number;
  /** How long the load lasts at most. */
  readonly withinMs: number;
  readonly say: (what: string) => void;
}

/** What was seen before the fault; see `Baseline`. */
interface GrowingBaseline {
  requests: number;
  failed: number;
  unsent: number;
  missedProbes: readonly string[];
}

/** A load that has not begun, and what will be remembered of it. */
export interface LoadedScene {
  readonly domain: Domain & { readonly tally: Tally };
  /** Distinguishes this drill's events from those of all others. */
  readonly run: string;
  readonly startedAt: string;
  readonly ledger: Ledger;
  readonly record: ServiceRecord;
  readonly perSecond: PerSecond;
  readonly load: Load;
  readonly baseline: GrowingBaseline;
  readonly timeline: readonly Moment[];
  /** Says what happened, and keeps it for the timeline and for the plot. */
  note(what: string, mark?: Mark): void;
}

/** The first domain whose events can be counted. */
export function countableDomain(): Domain & { readonly tally: Tally } {
  for (const domain of application) if (domain.tally !== undefined) return { ...domain, tally: domain.tally };
  throw new UserError(
    'No domain of the application declares a tally, so a drill could not count what became of its events.',
  );
}

/** Names of the lines in the plot. */
const STRUCK = 'tenants of the drill';
const NEIGHBOURS = 'their neighbours';

/** Prepares the load of these tenants. */
export async function loadedScene(options: SceneOptions): Promise<LoadedScene> {
  const { stack, edge, homes, isStruck, mayServe, rate, batch, withinMs, say } = options;
  const domain = countableDomain();
  const run = Date.now().toString(36);
  const tenants = await Promise.all(
    [...homes.keys()].map(async (id) => ({ id, token: await stack.tenantToken(id, 'ingest') })),
  );
  const events = Math.ceil((rate * withinMs) / 1000);
  const ledger = new Ledger(events);
  const record = new ServiceRecord(homes);
  const perSecond = new PerSecond([
    { name: STRUCK, has: isStruck },
    { name: NEIGHBOURS, has: (tenant) => homes.has(tenant) },
  ]);
  const baseline: GrowingBaseline = { requests: 0, failed: 0, unsent: 0, missedProbes: [] };
  const load: Load = new Load({
    ...{ domain, edge, rate, batch, tenants, run, events, ledger },
    onServed: (each) => {
      record.add(each, mayServe);
      perSecond.add(each);
      // Requests in flight when the fault began are not part of the baseline.
      if (load.phase !== 'before') return;
      baseline.requests += 1;
      if (!isSuccess(each.status)) baseline.failed += 1;
    },
  });
  const timeline: Moment[] = [];
  const note = (what: string, mark?: Mark) => {
    const moment = { atMs: Math.round(load.elapsed), what, ...(mark !== undefined && { mark }) };
    if (timeline.length < TIMELINE_LENGTH) timeline.push(moment);
    say(what);
  };
  return {
    domain,
    run,
    startedAt: new Date().toISOString(),
    ledger,
    record,
    perSecond,
    load,
    baseline,
    timeline,
    note,
  };
}
