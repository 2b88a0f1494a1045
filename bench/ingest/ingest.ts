// `ingest`: our HTTP function against the bare SDK and against Middy with Powertools, on the same server and the same items.
import type { Benchmark, Context } from '../kit/benchmark.ts';
import { type Database, openDatabase } from '../kit/database.ts';
import { sizeOf } from '../kit/events.ts';
import { startMeter } from '../kit/meter.ts';
import type { Report, Table, Verdict } from '../kit/report.ts';
import { interleave, type Rates, ratesOf } from '../kit/rounds.ts';
import { median, ratios, spread } from '../kit/statistics.ts';
import { BARE_BATCH, BARE_SINGLE, type Entrant, entrants, OURS, PLAIN, PLAIN_REQUEST } from './contenders.ts';
import { makeRound, type Shape } from './job.ts';
import { measureSizes } from './sizes.ts';

const shapes = (quick: boolean): readonly Shape[] => [
  { name: 'single-300', batch: 1, bytes: 300, requests: quick ? 50 : 200 },
  { name: 'single-1000', batch: 1, bytes: 1000, requests: quick ? 50 : 200 },
  { name: 'batch-300', batch: 100, bytes: 300, requests: quick ? 3 : 10 },
  { name: 'batch-1000', batch: 100, bytes: 1000, requests: quick ? 3 : 10 },
];

export const ingestBenchmark: Benchmark = {
  name: 'ingest',
  summary: 'our HTTP function against the bare SDK and against Middy + Powertools',
  async run(context) {
    const database = await openDatabase(context);
    const tables: Table[] = [];
    const verdicts: Verdict[] = [];
    for (const shape of shapes(context.quick)) {
      const { table, rates } = await measure(database, shape, context);
      tables.push(table);
      if (shape.batch > 1) verdicts.push(...judge(shape, rates));
    }
    tables.push(await measureSizes(database, context));
    return { benchmark: 'ingest', tables, verdicts } satisfies Report;
  },
};

async function measure(
  database: Database,
  shape: Shape,
  context: Context,
): Promise<{ readonly table: Table; readonly rates: Rates }> {
  const { rounds = context.quick ? 3 : 9 } = context;
  const taking = entrants.filter(({ takes }) => takes === 'both' || takes === (shape.batch === 1 ? 'single' : 'batch'));
  const baseline = shape.batch === 1 ? BARE_SINGLE : BARE_BATCH;
  const warmUp = 2;
  const made = Array.from({ length: rounds + warmUp }, (_, round) => makeRound(shape, round));
  const names = new Map(taking.map(({ name }, index) => [name, `${shape.name}-${index}`]));
  const contenders = await Promise.all(
    taking.map(async (entrant) => {
      const table = await database.createTable(names.get(entrant.name) ?? '', { stream: true });
      const store = await entrant.prepare(database, database.endpoint, table, context);
      const run = async (round: number) => {
        const work = made[round];
        if (work === undefined) throw new RangeError(`There is no work for round ${round}.`);
        await store(work);
        return work.events;
      };
      return { name: entrant.name, run };
    }),
  );
  const progress = (text: string) => context.progress(`ingest ${shape.name}: ${text}`);
  const rates = await interleave(contenders, { rounds, warmUp, progress });
  progress('comparing what was written');
  await expectSameItems(database, [...names.values()], (rounds + warmUp) * shape.batch * shape.requests);
  progress('counting calls and units');
  const rows = [];
  for (const entrant of taking) {
    const figures = ratesOf(rates, entrant.name);
    rows.push({
      name: entrant.name,
      rate: spread(figures),
      ratio: spread(ratios(figures, ratesOf(rates, baseline))),
      ...(await meter(database, entrant, shape, context)),
    });
  }
  const example = made[0]?.requests[0]?.events[0];
  const size = example === undefined ? 0 : sizeOf(example);
  return {
    rates,
    table: {
      title: `${shape.batch === 1 ? 'One event a request' : `${shape.batch} events a request`}, ${size} bytes an event, ${rounds} rounds of ${shape.batch * shape.requests} events`,
      columns: [
        { key: 'name', title: '' },
        { key: 'rate', title: 'events/s' },
        { key: 'ratio', title: `of ${baseline}`, digits: 2 },
        { key: 'calls', title: 'calls/event', digits: 2 },
        { key: 'writes', title: 'write units/event', digits: 2 },
        { key: 'reads', title: 'read units/event', digits: 2 },
      ],
      rows,
    },
  };
}

/** Sends some requests through the meter, into a table of their own. */
async function meter(database: Database, entrant: Entrant, shape: Shape, context: Context) {
  const { endpoint, take } = await startMeter(database.endpoint, context);
  const table = await database.createTable(`metered-${shape.name}-${entrants.indexOf(entrant)}`, { stream: true });
  const store = await entrant.prepare(database, endpoint, table, context);
  // The first request of a tenant makes its epoch known to the cell; that is not what every request costs.
  await store(makeRound({ ...shape, requests: 1 }, 0));
  take();
  const work = makeRound({ ...shape, requests: 5 }, 1);
  await store(work);
  const { calls, writeUnits, readUnits } = take();
  return { calls: calls / work.events, writes: writeUnits / work.events, reads: readUnits / work.events };
}

/** Every table must hold the same items, but for the random version that each write draws and the order of a body's members. */
async function expectSameItems(database: Database, tables: readonly string[], count: number): Promise<void> {
  let first: string | undefined;
  for (const table of tables) {
    const items = await database.scan(table);
    const lines = items.map(({ p, s, b }) => `${p?.S} ${s?.S} ${inOrder(JSON.parse(b?.S ?? 'null'))}`).sort();
    if (lines.length !== count) throw new Error(`${table} holds ${lines.length} items instead of ${count}.`);
    const text = lines.join('\n');
    first ??= text;
    if (text !== first) throw new Error(`${table} does not hold the same items as ${tables[0]}.`);
  }
}

/** JSON with the members of every object sorted. */
const inOrder = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

function judge(shape: Shape, rates: Rates): Verdict[] {
  const against = (name: string) => median(ratios(ratesOf(rates, OURS), ratesOf(rates, name)));
  const verdict = (other: string, least: number): Verdict => {
    const found = against(other);
    return {
      target: `${shape.name}: at least ${least} times ${other}`,
      found: `${found.toFixed(2)} times`,
      met: found >= least,
    };
  };
  return [verdict(BARE_BATCH, 0.7), verdict(PLAIN, 2), verdict(PLAIN_REQUEST, 2)];
}
