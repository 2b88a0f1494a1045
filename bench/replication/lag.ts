// How soon an event that was answered is stored at its standby, and what the whole stack spends on it, beside a tenant without a standby.
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../cli/command.ts';
import { mapConcurrently } from '../../core/lib/concurrently.ts';
import type { WayStep } from '../../local/telemetry/event-way.ts';
import type { Context } from '../kit/benchmark.ts';
import { reading } from '../kit/events.ts';
import type { Table, Verdict } from '../kit/report.ts';
import { median, quantile, ratios, spread } from '../kit/statistics.ts';
import { byPart, type ProcessUse, processTree } from '../pipeline/processes.ts';
import { startDev, tenantOf } from '../pipeline/stack-process.ts';

/** What is aimed at, in milliseconds. */
const TARGETS = { p50: 1500, p99: 5000 } as const;

/** Requests of one event, and how many a second at most: so few that a batch links to all of its requests. */
const REQUESTS = { quick: 60, full: 400 } as const;
const PER_SECOND = 20;
const IN_FLIGHT = 4;
/** After the last request of a round, until its processor time is read: consumers of both cells are done by then. */
const SETTLE_MS = 5000;
/** Longer than a batch that failed is hidden: an event that is not there by then is lost. */
const GIVE_UP_MS = 150_000;
const LOOK_EVERY_MS = 250;

const CELLS = { aws: 'aws-alpha', azure: 'azure-beta' } as const;

/** Tenants of the benchmark, and whether they have a standby. */
const CONTENDERS = [
  { tenant: 'bench-alone', what: 'no standby', standby: false },
  { tenant: 'bench-warm', what: 'warm standby', standby: true },
] as const;

interface Round {
  /** Of each request: until it was answered. */
  readonly answered: readonly number[];
  /** Of each event: from when the home had stored it until the standby had; empty without a standby. */
  readonly lags: readonly number[];
  /** Processor milliseconds for each event, by part of the stack. */
  readonly cpu: ReadonlyMap<string, number>;
}

export async function measureLag(context: Context): Promise<{ tables: Table[]; verdicts: Verdict[] }> {
  const { quick, rounds = quick ? 1 : 3 } = context;
  const [from, to] = context.cloud === 'aws' ? (['aws', 'azure'] as const) : (['azure', 'aws'] as const);
  context.progress('replication lag: starting the stack');
  const stack = await startDev(context, ['--cells', `${CELLS.aws},${CELLS.azure}`]);
  const control = await stack.client.control();
  // A busy machine may look like a lost cell; a failover is no part of this.
  for (const { id, cloud, region, jurisdiction, endpoint, capacity, price } of (await control('GET', 'cells')).items) {
    const known = { cloud, region, jurisdiction, endpoint, capacity, price };
    await control('PUT', `cells/${id}`, { ...known, failover: 'never', reason: 'bench' });
  }
  for (const { tenant, standby } of CONTENDERS) {
    const place = { cell: CELLS[from], standby: standby ? CELLS[to] : null };
    await control('PUT', `tenants/${tenant}`, { residency: 'any', tier: 'standard', reason: 'bench', ...place });
  }
  const way = async (event: string) => all((await stack.client.trace(event)).way);

  /** When the event was stored in both cells; `undefined` while it is not. */
  const lagOf = async (event: string): Promise<number | undefined> => {
    const steps = await way(event);
    const ended = (cell: string, name: string) => {
      const times = steps
        .filter((step) => step.cell === cell && step.name === name && step.kind === 'server')
        .map(({ startedAt, milliseconds }) => startedAt + milliseconds);
      return times.length === 0 ? undefined : Math.min(...times);
    };
    const [accepted, copied] = [ended(CELLS[from], 'POST /v1/events'), ended(CELLS[to], 'POST /v1/replica/events')];
    return accepted === undefined || copied === undefined ? undefined : copied - accepted;
  };

  const untilCopied = async (event: string): Promise<number> => {
    let problem = 'it has not come to the standby';
    for (const began = performance.now(); performance.now() - began < GIVE_UP_MS; await sleep(LOOK_EVERY_MS)) {
      try {
        const lag = await lagOf(event);
        if (lag !== undefined) return lag;
      } catch (error) {
        // A machine that has other things to do drops a connection now and then.
        if (!(error instanceof UserError)) throw error;
        problem = error.message;
      }
    }
    throw new Error(`${event}: ${problem}.`);
  };

  const sender = async (tenant: string) => {
    const { post } = await tenantOf(stack.client, tenant);
    return (id: string, number: number) =>
      post([reading({ id, device: `device-${number % 20}`, time: Date.now() - number, value: number, traced: false })]);
  };

  const run = async ({ tenant, standby }: (typeof CONTENDERS)[number], round: number): Promise<Round> => {
    const send = await sender(tenant);
    const count = quick ? REQUESTS.quick : REQUESTS.full;
    const before = await processTree(stack.pid);
    const answered: number[] = [];
    const began = performance.now();
    const ids = Array.from({ length: count }, (_, index) => `${tenant}-${round}-${index}`);
    // Not more at once than this, however slow the machine is just now.
    await mapConcurrently(ids, IN_FLIGHT, async (id, index) => {
      await sleep(Math.max(0, began + (index * 1000) / PER_SECOND - performance.now()));
      const at = performance.now();
      await send(id, index);
      answered.push(performance.now() - at);
    });
    await sleep(SETTLE_MS);
    const cpu = usedBetween(before, await processTree(stack.pid), count);
    // Only now, as looking takes processor time.
    const lags: number[] = [];
    if (standby) for (const id of ids) lags.push(await untilCopied(id));
    return { answered, lags, cpu };
  };

  // What a cell accepts before it knows of the standby comes with a comparison: rounds begin once an event has come at once.
  for (const { tenant, standby } of CONTENDERS) {
    const send = await sender(tenant);
    for (let warm = 0; ; warm += 1) {
      context.progress(`replication lag: warming up ${tenant}`);
      const id = `${tenant}-warm-${warm}`;
      await send(id, warm);
      await sleep(SETTLE_MS);
      if (!standby || (await lagOf(id)) !== undefined) break;
    }
  }
  const results = CONTENDERS.map((): Round[] => []);
  for (let round = 0; round < rounds; round += 1)
    for (const place of CONTENDERS.keys()) {
      const which = (place + round) % CONTENDERS.length;
      const contender = CONTENDERS[which];
      if (contender === undefined) continue;
      context.progress(`replication lag, home on ${from}: round ${round + 1}, ${contender.what}`);
      results[which]?.push(await run(contender, round));
    }
  await stack.stop();
  return report(results, `${from} to ${to}`);
}

function report(results: readonly (readonly Round[])[], direction: string): { tables: Table[]; verdicts: Verdict[] } {
  const totals = results.map((rounds) =>
    rounds.map(({ cpu }) => [...cpu.values()].reduce((sum, each) => sum + each, 0)),
  );
  const lags = results.flatMap((rounds) => rounds.flatMap((round) => round.lags));
  const [p50, p99] = [quantile(lags, 0.5), quantile(lags, 0.99)];
  const rows = CONTENDERS.map(({ what, standby }, which) => {
    const answered = (results[which] ?? []).flatMap((round) => round.answered);
    return {
      what,
      answered50: quantile(answered, 0.5),
      answered99: quantile(answered, 0.99),
      p50: standby ? p50 : null,
      p99: standby ? p99 : null,
      most: standby ? Math.max(...lags) : null,
      cpu: spread(totals[which] ?? []),
      ratio: median(ratios(totals[which] ?? [], totals[0] ?? [])),
    };
  });
  const parts = [...new Set(results.flatMap((rounds) => rounds.flatMap(({ cpu }) => [...cpu.keys()])))];
  const partOf = (which: number, part: string) => median((results[which] ?? []).map(({ cpu }) => cpu.get(part) ?? 0));
  return {
    tables: [
      {
        title: `From ${direction}, through a local stack: requests of one event, ${PER_SECOND} a second at most`,
        columns: [
          { key: 'what', title: '' },
          { key: 'answered50', title: 'answered ms p50' },
          { key: 'answered99', title: 'p99' },
          { key: 'p50', title: 'lag ms p50' },
          { key: 'p99', title: 'p99' },
          { key: 'most', title: 'most' },
          { key: 'cpu', title: 'cpu ms/event', digits: 1 },
          { key: 'ratio', title: 'of none’s', digits: 2 },
        ],
        rows,
        notes: [
          'lag: from the end of the request at the home to the end of the request that stored the copy, by the spans that `polycell trace` shows.',
          'cpu: all processes of the stack, emulators and what an idle stack uses included, until all is derived in both cells.',
        ],
      },
      {
        title: `Where the processor time goes, from ${direction}`,
        columns: [
          { key: 'part', title: '' },
          { key: 'alone', title: 'no standby, ms/event', digits: 2 },
          { key: 'warm', title: 'warm standby', digits: 2 },
          { key: 'more', title: 'more', digits: 2 },
        ],
        rows: parts
          .map((part) => {
            const [alone, warm] = [partOf(0, part), partOf(1, part)];
            return { part, alone, warm, more: warm - alone };
          })
          .sort((one, other) => other.more - one.more),
      },
    ],
    verdicts: [
      {
        target: `lag p50 from ${direction}: at most ${TARGETS.p50} ms`,
        found: p50.toFixed(0),
        met: p50 <= TARGETS.p50,
      },
      {
        target: `lag p99 from ${direction}: at most ${TARGETS.p99} ms`,
        found: p99.toFixed(0),
        met: p99 <= TARGETS.p99,
      },
    ],
  };
}

const all = (steps: readonly WayStep[]): readonly WayStep[] => steps.flatMap((step) => [step, ...all(step.next)]);

/** Processor milliseconds for each of `count` events, by part. */
function usedBetween(
  before: readonly ProcessUse[],
  after: readonly ProcessUse[],
  count: number,
): ReadonlyMap<string, number> {
  const earlier = byPart(before);
  return new Map(
    [...byPart(after)].map(([part, { cpuSeconds }]) => [
      part,
      ((cpuSeconds - (earlier.get(part)?.cpuSeconds ?? 0)) * 1000) / count,
    ]),
  );
}
