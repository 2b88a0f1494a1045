// `npm run simulate`: seeded histories of the edge with its cells, and what the failure detector's settings cost.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { MONITOR_DEFAULTS } from '../../core/edge/monitor/monitor-settings.ts';
import { measureDetector, ROUGH, USUAL } from './detector.ts';
import { faultsOf } from './faults.ts';
import { play, shrink } from './history.ts';
import { MUTANTS, type Mutant } from './setting.ts';

/** What is tried beside the defaults. */
const TRIED = [
  {},
  { silenceMs: 1500, failures: 3 },
  { silenceMs: 2500, failures: 5 },
  { silenceMs: 3500, failures: 6 },
  { intervalMs: 5000, urgentMs: 5000, timeoutMs: 2000, silenceMs: 0, failures: 3 },
];

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

function detector(years: number, losses: number): void {
  const rows = TRIED.flatMap((changed) =>
    Object.entries({ usual: USUAL, rough: ROUGH }).map(([name, world]) => {
      const settings = { ...MONITOR_DEFAULTS, ...changed };
      const { falsePerYear, silent, refused } = measureDetector(1, settings, { years, losses, world });
      return [
        Object.keys(changed).length === 0 ? 'defaults' : JSON.stringify(changed),
        name,
        falsePerYear.toFixed(2),
        ...[silent.p50, silent.p99, silent.worst, refused.p50, refused.p99].map(seconds),
      ];
    }),
  );
  const head = [
    'settings',
    'network',
    'false failovers a year and cell',
    'silent: p50',
    'p99',
    'worst',
    'refusing: p50',
    'p99',
  ];
  for (const row of [head, head.map(() => '---'), ...rows]) process.stdout.write(`| ${row.join(' | ')} |\n`);
}

/** Seeds between two lines of progress. */
const PROGRESS = 100;

/** What one thread plays: every `step`-th seed from `first` on, up to `last`. */
interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly mutant: Mutant | undefined;
}

/** What a thread says of a seed: nothing, or what was violated and the faults that it takes. */
type Played = string | null;

/** Plays seeds one after the other, and stops at the first violation if a fault was put in. */
async function playAll({ first, last, step, mutant }: Range, tell: (played: Played) => void): Promise<void> {
  for (let seed = first; seed <= last; seed += step) {
    const faults = faultsOf(seed);
    const violation = await play(seed, faults, mutant);
    if (violation === undefined) {
      tell(null);
      continue;
    }
    const smallest = await shrink(seed, faults, violation.invariant, mutant);
    const { invariant, detail, atMs } = violation;
    tell(
      [
        `seed ${seed}: ${invariant}: ${detail}, at ${atMs} ms`,
        ...smallest.map((fault) => `  ${JSON.stringify(fault)}`),
      ].join('\n'),
    );
    if (mutant !== undefined) return;
  }
}

/** Plays seeds, on as many threads as there are processors; returns how many violate an invariant. */
async function histories(first: number, count: number, mutant: Mutant | undefined): Promise<number> {
  const begun = performance.now();
  let [played, failed] = [0, 0];
  const tell = (said: Played) => {
    played += 1;
    if (said !== null) {
      failed += 1;
      process.stdout.write(`${said}\n`);
    }
    if (played % PROGRESS === 0)
      process.stderr.write(`${played} of ${count} seeds in ${seconds(performance.now() - begun)}, ${failed} fail\n`);
  };
  const step = Math.min(count, availableParallelism());
  const last = first + count - 1;
  const ranges = Array.from({ length: step }, (_, index): Range => ({ first: first + index, last, step, mutant }));
  if (ranges[0] !== undefined && step === 1) await playAll(ranges[0], tell);
  else await onThreads(ranges, tell, () => mutant !== undefined && failed > 0);
  const how = mutant === undefined ? '' : ` with ${mutant}`;
  process.stdout.write(`${failed} of ${played} seeds from ${first} fail${how}.\n`);
  return failed;
}

const USAGE = `Usage: npm run simulate -- [--seeds N] [--from N] [--mutant NAME] | --detector [--years N] [--losses N]

  --seeds N      histories to play; 100 if not given
  --from N       the first seed; 1 if not given
  --mutant NAME  put a fault into the product, which must be found: ${Object.keys(MUTANTS).join(', ')}
  --detector     measure the failure detector's settings instead
  --years N      years without a loss; 1 if not given
  --losses N     losses of a cell; 500 if not given
`;

const options = {
  seeds: { type: 'string', default: '100' },
  from: { type: 'string', default: '1' },
  mutant: { type: 'string' },
  detector: { type: 'boolean' },
  years: { type: 'string', default: '1' },
  losses: { type: 'string', default: '500' },
  help: { type: 'boolean' },
} as const;

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({ args: [...args], options });
  for (const name of ['seeds', 'from', 'years', 'losses'] as const)
    if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new TypeError(`--${name} must be a whole number from 1.`);
  return values;
}

/** Resolves when all threads have ended, or when enough is known. */
async function onThreads(
  ranges: readonly Range[],
  tell: (played: Played) => void,
  isEnough: () => boolean,
): Promise<void> {
  const threads = ranges.map((range) => new Worker(new URL(import.meta.url), { workerData: range }));
  const ended = threads.map(
    (thread) =>
      new Promise<void>((resolve, reject) => {
        thread.on('message', (said: Played) => {
          if (isEnough()) return;
          tell(said);
          if (isEnough()) for (const each of threads) void each.terminate();
        });
        thread.once('error', reject);
        thread.once('exit', () => resolve());
      }),
  );
  await Promise.all(ended);
}

if (!isMainThread) await playAll(workerData as Range, (said) => parentPort?.postMessage(said));

export async function main(args: readonly string[]): Promise<number> {
  let values: ReturnType<typeof readOptions>;
  try {
    values = readOptions(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.detector === true) {
    detector(Number(values.years), Number(values.losses));
    return 0;
  }
  if (values.mutant !== undefined && !Object.hasOwn(MUTANTS, values.mutant)) {
    process.stderr.write(`There are the mutants ${Object.keys(MUTANTS).join(', ')}.\n`);
    return 2;
  }
  const failed = await histories(Number(values.from), Number(values.seeds), values.mutant as Mutant | undefined);
  // A fault that was put in has to be found.
  return (values.mutant === undefined) === (failed === 0) ? 0 : 1;
}
