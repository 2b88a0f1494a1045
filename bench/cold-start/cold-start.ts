// `cold-start`: how long a fresh process takes to load a function's bundle and to answer its first event.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sourceFile } from '../../local/source-file.ts';
import type { Benchmark, Cloud } from '../kit/benchmark.ts';
import type { Table, Verdict } from '../kit/report.ts';
import { median, ratios, spread } from '../kit/statistics.ts';
import { bundleOf, type Candidate, DEPLOYED, LEANEST, makeCandidates } from './candidates.ts';
import { type Answer, aroundAws, aroundAzure } from './clouds.ts';

const run = promisify(execFile);
/** An app of Azure has all functions, each of which had 450 alone. */
const TARGET_KIB: Readonly<Record<Cloud, number>> = { aws: 350, azure: 900 };
const TARGET_RATIO = 1.5;

interface Timing {
  readonly load: number;
  readonly first: number;
  readonly answer?: Answer;
}

interface Measured {
  readonly candidate: Candidate;
  readonly timings: Timing[];
}

export const coldStartBenchmark: Benchmark = {
  name: 'cold-start',
  summary: 'loading the deployable bundles and their first call, against default and leanest bundles',
  async run(context) {
    const { quick, rounds = quick ? 5 : 15 } = context;
    context.progress('cold-start: building');
    const measured = (await makeCandidates()).map((candidate): Measured => ({ candidate, timings: [] }));
    const around = { aws: await aroundAws(context), azure: await aroundAzure(context) };
    const start = async ({ cloud, of, file, cache }: Candidate, mode: string): Promise<string> => {
      const event = await around[cloud].event(of);
      const { stdout } = await run(
        process.execPath,
        [sourceFile('bench/cold-start/runner.cjs'), JSON.stringify({ file, cache, event }), mode],
        { env: around[cloud].environment(of) },
      );
      return stdout;
    };
    for (const { candidate } of measured) if (candidate.cache !== undefined) await start(candidate, 'make-cache');
    for (let round = 0; round <= rounds; round += 1) {
      context.progress(`cold-start: round ${round}/${rounds}`);
      for (let place = 0; place < measured.length; place += 1) {
        const { candidate, timings } = measured[(place + round) % measured.length] as Measured;
        const timing = JSON.parse(await start(candidate, 'time')) as Timing;
        const { cloud, of, name } = candidate;
        if (!around[cloud].isDone(of, timing.answer))
          throw new Error(`The first call of ${cloud} ${of}, ${name}, failed: ${JSON.stringify(timing.answer)}`);
        // The first round brings the files into memory.
        if (round > 0) timings.push(timing);
      }
    }
    const clouds = ['aws', 'azure'] as const;
    const of = (cloud: Cloud) => measured.filter(({ candidate }) => candidate.cloud === cloud);
    return {
      benchmark: 'cold-start',
      tables: clouds.map((cloud) => table(cloud, of(cloud), rounds)),
      verdicts: clouds.flatMap((cloud) => judge(cloud, of(cloud))),
    };
  },
};

const loads = (measured: readonly Measured[], of: string, name: string): readonly number[] =>
  measured
    .filter(({ candidate }) => candidate.of === of && candidate.name === name)
    .flatMap(({ timings }) => timings.map(({ load }) => load));

function table(cloud: Cloud, measured: readonly Measured[], rounds: number): Table {
  const leanest = loads(measured, 'floor', LEANEST[cloud]);
  return {
    title: `${cloud === 'aws' ? 'AWS' : 'Azure'}: load and first call in a fresh process of Node.js ${process.version}, ${rounds} rounds`,
    columns: [
      { key: 'of', title: 'function' },
      { key: 'name', title: '' },
      { key: 'raw', title: 'KiB' },
      { key: 'gzip', title: 'gzip' },
      { key: 'load', title: 'load ms', digits: 1 },
      { key: 'ratio', title: 'of leanest', digits: 2 },
      { key: 'first', title: 'first call ms', digits: 1 },
    ],
    rows: measured.map(({ candidate: { of, name, rawKiB, gzipKiB }, timings }) => {
      const load = timings.map((timing) => timing.load);
      return {
        of,
        name,
        raw: rawKiB,
        gzip: gzipKiB,
        load: spread(load),
        ratio: median(ratios(load, leanest)),
        first: spread(timings.map(({ first }) => first)),
      };
    }),
    notes: [
      'load: from the beginning of require or import until the handler exists; Node.js’s own start comes before it.',
      'V8’s code cache is an experiment: it must be made by the very Node.js it is used by, so it is not deployed.',
    ],
  };
}

function judge(cloud: Cloud, measured: readonly Measured[]): Verdict[] {
  const kib =
    measured.find(({ candidate: { of, name } }) => of === 'http' && name === DEPLOYED)?.candidate.rawKiB ?? Number.NaN;
  const ratio = median(ratios(loads(measured, 'http', DEPLOYED), loads(measured, 'floor', LEANEST[cloud])));
  const { name } = bundleOf(cloud, 'http');
  return [
    {
      target: `${name} under ${TARGET_KIB[cloud]} KiB`,
      found: `${kib.toFixed(0)} KiB`,
      met: kib < TARGET_KIB[cloud],
    },
    {
      target: `${name} loads within ${TARGET_RATIO} times the leanest`,
      found: `${ratio.toFixed(2)} times`,
      met: ratio <= TARGET_RATIO,
    },
  ];
}
