// `edge`: our router against a bare pass-through and the textbook's router under workerd, and how it grows with tenants and cells.
import type { Benchmark, Context } from '../kit/benchmark.ts';
import { reading } from '../kit/events.ts';
import type { Table, Verdict } from '../kit/report.ts';
import { median, quantile, ratios, spread } from '../kit/statistics.ts';
import { CONTENDERS, type ContenderName, startContender } from './contenders.ts';
import { type LoadResult, load } from './load.ts';
import { type Origin, startOrigin } from './origin.ts';
import { ISSUER, Tenants } from './tenants.ts';
import type { WorkerdProcess } from './workerd.ts';

const CONNECTIONS = 32;
const REQUESTS = 20_000;
const WARM_UP = 2000;
const TENANTS = 10;
const CELLS = 2;
/** For latencies: far from what any of them can do, so that none is measured while it queues. */
const CALM_RATE = 500;
const CALM_REQUESTS = 3000;

/** What is asked of our router. */
const TARGETS = { ofPassThrough: 0.85, addedCpuMicroseconds: 80, addedP99Ms: 5 } as const;

/** Sizes that the map grows through: tenants, cells, and requests, which beyond the caches' bounds are many. */
const GROWTH = [
  { tenants: 10, cells: 2, requests: 20_000 },
  { tenants: 1000, cells: 2, requests: 20_000 },
  { tenants: 1000, cells: 1000, requests: 20_000 },
  { tenants: 100_000, cells: 1000, requests: 60_000 },
  { tenants: 1_000_000, cells: 2, requests: 120_000 },
  { tenants: 1_000_000, cells: 1000, requests: 120_000 },
] as const;

interface Figures {
  readonly rates: number[];
  readonly cpu: number[];
  readonly p50: number[];
  readonly p99: number[];
}

export const edgeBenchmark: Benchmark = {
  name: 'edge',
  summary: 'our router against a bare pass-through and the textbook’s router; and its growth with tenants and cells',
  async run(context) {
    const { quick, rounds = quick ? 2 : 7 } = context;
    const origin = await startOrigin();
    context.atEnd(() => origin.stop());
    const event = reading({ id: '1', device: 'bench', time: Date.UTC(2026, 0, 1), value: 20, bytes: 300 });
    const tenants = await Tenants.open(event, context);
    const around = {
      origin: `http://127.0.0.1:${origin.port}`,
      cells: CELLS,
      issuer: ISSUER,
      jwksUrl: tenants.jwksUrl,
    };
    const compared = await compare(context, origin, tenants, around, rounds, quick);
    const grown = [];
    for (const size of GROWTH) {
      const requests = quick ? size.requests / 10 : size.requests;
      context.progress(`edge: ${size.tenants} tenants, ${size.cells} cells`);
      const edge = await startContender('ours', { ...around, cells: size.cells });
      try {
        grown.push({ ...size, requests, ...(await grow(edge, tenants, size.tenants, requests)) });
      } finally {
        await edge.stop();
      }
    }
    return {
      benchmark: 'edge',
      tables: [comparison(compared, rounds), growth(grown)],
      verdicts: verdicts(compared),
    };
  },
};

async function compare(
  context: Context,
  origin: Origin,
  tenants: Tenants,
  around: Parameters<typeof startContender>[1],
  rounds: number,
  quick: boolean,
): Promise<ReadonlyMap<ContenderName | 'origin', Figures>> {
  const requests = Array.from({ length: TENANTS }, (_, number) => tenants.request(number));
  const request = (index: number) => requests[index % requests.length] as Buffer;
  const servers = new Map<ContenderName, WorkerdProcess>();
  for (const name of CONTENDERS) {
    const server = await startContender(name, around);
    context.atEnd(() => server.stop());
    servers.set(name, server);
    allAccepted(name, await load({ port: server.port, connections: CONNECTIONS, requests: WARM_UP, request }));
  }
  const figures = new Map<ContenderName | 'origin', Figures>(
    ([...CONTENDERS, 'origin'] as const).map((name) => [name, { rates: [], cpu: [], p50: [], p99: [] }]),
  );
  const all = quick ? REQUESTS / 10 : REQUESTS;
  const calm = quick ? CALM_REQUESTS / 10 : CALM_REQUESTS;
  for (let round = 0; round < rounds; round += 1) {
    context.progress(`edge: round ${round + 1}/${rounds}`);
    for (let place = 0; place < figures.size; place += 1) {
      const [name, found] = [...figures][(place + round) % figures.size] as [ContenderName | 'origin', Figures];
      const server = name === 'origin' ? undefined : servers.get(name);
      const port = server?.port ?? origin.port;
      const before = (await server?.cpuMicroseconds()) ?? Number.NaN;
      const busy = allAccepted(name, await load({ port, connections: CONNECTIONS, requests: all, request }));
      found.cpu.push((((await server?.cpuMicroseconds()) ?? Number.NaN) - before) / all);
      found.rates.push(all / busy.seconds);
      const quiet = await load({ port, connections: CONNECTIONS, requests: calm, request, rate: CALM_RATE });
      const { latencies } = allAccepted(name, quiet);
      found.p50.push(quantile([...latencies], 0.5));
      found.p99.push(quantile([...latencies], 0.99));
    }
  }
  for (const server of servers.values()) await server.stop();
  return figures;
}

interface Growth {
  readonly rate: number;
  readonly cpu: number;
  readonly rssMiB: number;
}

/** Every request is of a tenant drawn anew, with a token of its own. */
async function grow(edge: WorkerdProcess, tenants: Tenants, of: number, requests: number): Promise<Growth> {
  const kept = new Map<number, Buffer>();
  let state = 1;
  const request = () => {
    // A linear congruential generator: the same tenants in every run.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const number = state % of;
    const known = kept.get(number);
    if (known !== undefined) return known;
    const made = tenants.request(number);
    if (kept.size < 1000) kept.set(number, made);
    return made;
  };
  const before = await edge.cpuMicroseconds();
  const result = allAccepted('ours', await load({ port: edge.port, connections: CONNECTIONS, requests, request }));
  return {
    rate: requests / result.seconds,
    cpu: ((await edge.cpuMicroseconds()) - before) / requests,
    rssMiB: await edge.rssMiB(),
  };
}

/** A contender that refuses is fast. */
function allAccepted(name: string, result: LoadResult): LoadResult {
  const others = [...result.statuses].filter(([status]) => status !== 202);
  if (others.length > 0) throw new Error(`${name} answered ${JSON.stringify(others)} besides 202.`);
  return result;
}

const of = (figures: ReadonlyMap<ContenderName | 'origin', Figures>, name: ContenderName | 'origin'): Figures =>
  figures.get(name) as Figures;

function comparison(figures: ReadonlyMap<ContenderName | 'origin', Figures>, rounds: number): Table {
  const bare = of(figures, 'pass-through');
  const direct = of(figures, 'origin');
  const difference = (ours: readonly number[], theirs: readonly number[]) =>
    spread(ours.map((value, round) => value - (theirs[round] ?? Number.NaN)));
  return {
    title: `One event a request, ${TENANTS} tenants, ${CONNECTIONS} connections; ${rounds} rounds`,
    columns: [
      { key: 'name', title: '' },
      { key: 'rate', title: 'requests/s' },
      { key: 'ratio', title: 'of pass-through', digits: 2 },
      { key: 'cpu', title: 'cpu µs/request' },
      { key: 'p50', title: 'added p50 ms', digits: 2 },
      { key: 'p99', title: 'added p99 ms', digits: 2 },
    ],
    rows: CONTENDERS.map((name) => {
      const { rates, cpu, p50, p99 } = of(figures, name);
      return {
        name,
        rate: spread(rates),
        ratio: median(ratios(rates, bare.rates)),
        cpu: spread(cpu),
        p50: difference(p50, direct.p50),
        p99: difference(p99, direct.p99),
      };
    }),
    notes: [
      `added: to the origin asked directly (p50 ${median(direct.p50).toFixed(2)} ms, p99 ${median(direct.p99).toFixed(2)} ms), at ${CALM_RATE} requests a second.`,
      'Client and origin share one core, so the rates are as much theirs; processor time is the router’s alone.',
      'The textbook’s router trusts a header; ours verifies a token of the issuer and signs one for the cell.',
    ],
  };
}

function growth(sizes: readonly (Growth & { tenants: number; cells: number; requests: number })[]): Table {
  return {
    title: 'Our router as the map grows: each request of a tenant drawn at random, memory after all of them',
    columns: [
      { key: 'tenants', title: 'tenants' },
      { key: 'cells', title: 'cells' },
      { key: 'requests', title: 'requests' },
      { key: 'rate', title: 'requests/s' },
      { key: 'cpu', title: 'cpu µs/request' },
      { key: 'rssMiB', title: 'MiB' },
    ],
    rows: sizes.map((size) => ({ ...size })),
    notes: [
      'Beyond some thousands of tenants most requests are the first of their tenant: token verified, cache and cell looked up, token signed.',
    ],
  };
}

function verdicts(figures: ReadonlyMap<ContenderName | 'origin', Figures>): Verdict[] {
  const [bare, textbook, ours, direct] = (['pass-through', 'textbook', 'ours', 'origin'] as const).map((name) =>
    of(figures, name),
  ) as [Figures, Figures, Figures, Figures];
  const share = median(ratios(ours.rates, bare.rates));
  const lead = median(ratios(ours.rates, textbook.rates));
  const cpu = median(ours.cpu.map((value, round) => value - (bare.cpu[round] ?? Number.NaN)));
  const p99 = median(ours.p99.map((value, round) => value - (direct.p99[round] ?? Number.NaN)));
  return [
    {
      target: `at least ${TARGETS.ofPassThrough} of the pass-through’s requests/s`,
      found: share.toFixed(2),
      met: share >= TARGETS.ofPassThrough,
    },
    { target: 'more than the textbook’s requests/s', found: `${lead.toFixed(2)} times`, met: lead > 1 },
    {
      target: `under ${TARGETS.addedCpuMicroseconds} µs of processor time added to the pass-through’s`,
      found: `${cpu.toFixed(0)} µs`,
      met: cpu < TARGETS.addedCpuMicroseconds,
    },
    {
      target: `under ${TARGETS.addedP99Ms} ms added at p99`,
      found: `${p99.toFixed(2)} ms`,
      met: p99 < TARGETS.addedP99Ms,
    },
  ];
}
