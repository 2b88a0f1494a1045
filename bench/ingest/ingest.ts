// `ingest`: our HTTP function against the bare SDK, and on AWS against Middy with Powertools, on the same server and the same items.
import type { Benchmark, Context } from '../kit/benchmark.ts';
import { sizeOf } from '../kit/events.ts';
import type { Report, Table, Verdict } from '../kit/report.ts';
import { interleave, type Rates, ratesOf } from '../kit/rounds.ts';
import { median, ratios, spread } from '../kit/statistics.ts';
import { openAwsGround } from './aws-ground.ts';
import { openAzureGround } from './azure-ground.ts';
import type { Ground, Participant } from './ground.ts';
import { makeRound, OURS, type Shape } from './job.ts';

const shapes = (quick: boolean): readonly Shape[] => [
  { name: 'single-300', batch: 1, bytes: 300, requests: quick ? 50 : 200 },
  { name: 'single-1000', batch: 1, bytes: 1000, requests: quick ? 50 : 200 },
  { name: 'batch-300', batch: 100, bytes: 300, requests: quick ? 3 : 10 },
  { name: 'batch-1000', batch: 100, bytes: 1000, requests: quick ? 3 : 10 },
];

export const ingestBenchmark: Benchmark = {
  name: 'ingest',
  summary: 'our HTTP function against the bare SDK, and on AWS against Middy + Powertools',
  clouds: ['aws', 'azure'],
  async run(context) {
    if (context.cloud === 'azure') {
      const ground = await openAzureGround(context);
      return { benchmark: 'ingest', ...(await compare(ground, context)) };
    }
    const { ground, sizes } = await openAwsGround(context);
    const { tables, verdicts } = await compare(ground, context);
    return { benchmark: 'ingest', tables: [...tables, await sizes()], verdicts };
  },
};

async function compare<P extends Participant>(ground: Ground<P>, context: Context): Promise<Omit<Report, 'benchmark'>> {
  const tables: Table[] = [];
  const verdicts: Verdict[] = [];
  for (const shape of shapes(context.quick)) {
    const { table, rates } = await measure(ground, shape, context);
    tables.push(table);
    if (shape.batch > 1) verdicts.push(...judge(ground, shape, rates));
  }
  return { tables, verdicts };
}

async function measure<P extends Participant>(
  ground: Ground<P>,
  shape: Shape,
  context: Context,
): Promise<{ readonly table: Table; readonly rates: Rates }> {
  const { rounds = context.quick ? 3 : 9 } = context;
  const kind = shape.batch === 1 ? 'single' : 'batch';
  const taking = ground.participants.filter(({ takes }) => takes === 'both' || takes === kind);
  const baseline = ground.baseline[kind];
  const warmUp = 2;
  const made = Array.from({ length: rounds + warmUp }, (_, round) => makeRound(shape, round));
  const places: string[] = [];
  const contenders = await Promise.all(
    taking.map(async (participant, index) => {
      const place = await ground.createPlace(`${shape.name}-${index}`);
      places[index] = place;
      const store = await ground.prepare(participant, place, context);
      const run = async (round: number) => {
        const work = made[round];
        if (work === undefined) throw new RangeError(`There is no work for round ${round}.`);
        await store(work);
        return work.events;
      };
      return { name: participant.name, run };
    }),
  );
  const progress = (text: string) => context.progress(`ingest ${shape.name}: ${text}`);
  const rates = await interleave(contenders, { rounds, warmUp, progress });
  progress('comparing what was written');
  await expectSameItems(ground, places, (rounds + warmUp) * shape.batch * shape.requests);
  progress('counting what it costs');
  const rows = [];
  for (const participant of taking) {
    const figures = ratesOf(rates, participant.name);
    rows.push({
      name: participant.name,
      rate: spread(figures),
      ratio: spread(ratios(figures, ratesOf(rates, baseline))),
      ...(await ground.measureCosts(participant, shape, context)),
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
        ...ground.costs,
      ],
      rows,
    },
  };
}

/** Every place must hold the same items, but for what each write draws anew and the order of a body's members. */
async function expectSameItems(ground: Pick<Ground, 'lines'>, places: readonly string[], count: number): Promise<void> {
  let first: string | undefined;
  for (const place of places) {
    const lines = [...(await ground.lines(place))].sort();
    if (lines.length !== count) throw new Error(`${place} holds ${lines.length} items instead of ${count}.`);
    const text = lines.join('\n');
    first ??= text;
    if (text !== first) throw new Error(`${place} does not hold the same items as ${places[0]}.`);
  }
}

const judge = ({ targets }: Pick<Ground, 'targets'>, shape: Shape, rates: Rates): Verdict[] =>
  Object.entries(targets).map(([other, least]) => {
    const found = median(ratios(ratesOf(rates, OURS), ratesOf(rates, other)));
    return {
      target: `${shape.name}: at least ${least} times ${other}`,
      found: `${found.toFixed(2)} times`,
      met: found >= least,
    };
  });
