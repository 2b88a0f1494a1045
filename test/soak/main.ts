// `npm run soak`: a cell of each cloud under half of the load that it can take, with a kill each minute.
import { parseArgs } from 'node:util';
import { byPart, processTree } from '../../bench/pipeline/processes.ts';
import { buildBundles } from '../../build/bundles.mjs';
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { PATIENT } from '../support/impatient.ts';
import { type SoakReport, soak } from './soak.ts';
import type { Trend } from './trend.ts';

const HELP = `Usage: npm run soak [-- --minutes N] [--json]

Soaks a cell of each cloud on emulators: it measures how many events a second the cell applies, sends half of that, and kills workers and
relay in turn, one a minute. In the end it counts. Ends with 1 if an event is lost, counted twice, parked, or a dead letter.

  --minutes N  how long; 60 if not given, and 0.1 at least
  --json       the report as JSON on standard output
`;

const MINUTE = 60_000;
/** How long the capacity is measured, of a short soak a quarter of it. */
const MEASURE_MS = 20_000;

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // The clients inside a function read their keys from here; the SDK's word on old versions of Node.js is known.
  process.env.AWS_ACCESS_KEY_ID ??= 'soak';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'soak';
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  let values: { minutes: string; json?: boolean; help?: boolean };
  try {
    const options = {
      minutes: { type: 'string', default: '60' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    ({ values } = parseArgs({ args: [...args], options }));
    if (!(Number(values.minutes) >= 0.1)) throw new TypeError('--minutes must be a number from 0.1');
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('. ', 1)[0]}; --help lists the options.\n`);
    return 2;
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const reports = await soakBoth(Number(values.minutes) * MINUTE);
  process.stdout.write(values.json === true ? `${JSON.stringify(reports)}\n` : textOf(reports));
  return reports.every(isClean) ? 0 : 1;
}

/** Soaks a cell of each cloud, both at once. */
export async function soakBoth(
  durationMs: number,
  progress: (text: string) => void = (text) => process.stderr.write(`${text}\n`),
): Promise<SoakReport[]> {
  await buildBundles();
  const opened = await Promise.allSettled([openAwsCell([], PATIENT), openAzureCell([], PATIENT)]);
  const cells = opened.flatMap((cell) => (cell.status === 'fulfilled' ? [cell.value] : []));
  try {
    for (const cell of opened) if (cell.status === 'rejected') throw cell.reason;
    return await Promise.all(
      cells.map((cell, index) =>
        soak({
          cell,
          durationMs,
          measureMs: Math.min(MEASURE_MS, durationMs / 4),
          killEveryMs: Math.min(MINUTE, durationMs / 3),
          memory: () => memoryOf(index === 0 ? /^function / : /^functions of the app/),
          progress,
        }),
      ),
    );
  } finally {
    await Promise.all(cells.map((cell) => cell.close()));
  }
}

/** Of this process's functions, in MiB. */
async function memoryOf(part: RegExp): Promise<number> {
  const parts = [...byPart(await processTree(process.pid))].filter(([name]) => part.test(name));
  return parts.reduce((sum, [, { rssMiB }]) => sum + rssMiB, 0);
}

export const isClean = ({ lost, twice, parked, deadLetters }: SoakReport): boolean =>
  lost + twice + parked + deadLetters === 0;

/** Samples without which a slope says nothing. */
const ENOUGH = 30;

const slope = ({ perHour, samples }: Trend, unit: string) =>
  samples < ENOUGH ? 'too short for a slope' : `${perHour < 0 ? '' : '+'}${perHour.toFixed(1)} ${unit} an hour`;

function textOf(reports: readonly SoakReport[]): string {
  return reports
    .map(({ cell, capacity, rate, kills, acknowledged, lost, twice, parked, deadLetters, latency, memory }) =>
      [
        `${cell}: ${rate.toFixed(0)} events a second, half of ${capacity.toFixed(0)}; ${kills} kills`,
        `  ${acknowledged} acknowledged, ${lost} lost, ${twice} counted twice, ${parked} parked, ${deadLetters} dead letters`,
        `  request to state: ${latency.median.toFixed(0)} ms (median), ${latency.p99.toFixed(0)} ms (p99), ${slope(latency, 'ms')}, ${latency.samples} probes`,
        `  functions: ${memory.median.toFixed(0)} MiB (median), ${slope(memory, 'MiB')}`,
        '',
      ].join('\n'),
    )
    .join('');
}
