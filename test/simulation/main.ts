// `npm run simulate`: seeded histories of the edge with its cells, and what the failure detector's settings cost.
import { parseArgs } from 'node:util';
import { MONITOR_DEFAULTS } from '../../core/edge/monitor/monitor-settings.ts';
import { measureDetector, ROUGH, USUAL } from './detector.ts';

/** What is tried beside the defaults. */
const TRIED = [
  {},
  { silenceMs: 1500, failures: 3 },
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
  const head = ['settings', 'network', 'false failovers a year and cell', 'silent: p50', 'p99', 'worst', 'refusing: p50', 'p99'];
  for (const row of [head, head.map(() => '---'), ...rows]) process.stdout.write(`| ${row.join(' | ')} |\n`);
}

export function main(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      detector: { type: 'boolean' },
      years: { type: 'string', default: '1' },
      losses: { type: 'string', default: '500' },
    },
  });
  if (values.detector === true) detector(Number(values.years), Number(values.losses));
  return 0;
}
