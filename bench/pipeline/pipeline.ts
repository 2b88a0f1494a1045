// `pipeline`: events through a whole cell on this machine, from the first request until every consumer has applied them all.
import { madeUp } from '../../cli/samples.ts';
import { telemetry } from '../../core/domains/telemetry/domain.ts';
import type { Benchmark, Context } from '../kit/benchmark.ts';
import type { Table, Verdict } from '../kit/report.ts';
import { median } from '../kit/statistics.ts';
import { byPart, type ProcessUse, processTree } from './processes.ts';
import { type StackProcess, startStack } from './stack-process.ts';

const DEVICES = 50;
const BATCH = 100;
const IN_FLIGHT = 4;
/** Looking costs a read for each device, so a long run is looked at less often: at most this share of its time apart. */
const LOOK_EVERY_MS = 250;
const LOOK_SHARE = 0.03;
/** Idle figures are taken once the stack has been left alone this long. */
const SETTLE_MS = 1500;
/** No progress for this long means that events were lost. */
const STALLED_MS = 60_000;

interface Run {
  readonly events: number;
  readonly accepted: number;
  readonly applied: number;
  readonly idle: readonly ProcessUse[];
  readonly end: readonly ProcessUse[];
  /** The most that all processes together had at one look. */
  readonly peakMiB: number;
}

export const pipelineBenchmark: Benchmark = {
  name: 'pipeline',
  summary: 'events through a whole local cell: rate, memory, processor time by process',
  clouds: ['aws', 'azure'],
  async run(context) {
    const { quick, rounds = 1 } = context;
    const sizes = quick ? [1000, 10_000] : [1000, 10_000, 100_000];
    const runs: Run[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const events of sizes) runs.push(await run(events, context));
    }
    return {
      benchmark: 'pipeline',
      tables: [summary(sizes, runs, context), ...parts(runs.filter(({ events }) => events === sizes.at(-1)))],
      verdicts: verdicts(sizes, runs),
    };
  },
};

async function run(events: number, context: Context): Promise<Run> {
  const progress = (text: string) => context.progress(`pipeline ${events}: ${text}`);
  progress('starting the stack');
  const stack = await startStack(context);
  await sleep(SETTLE_MS);
  const idle = await processTree(stack.pid);
  let peakMiB = 0;
  const watch = setInterval(() => {
    void processTree(stack.pid).then((uses) => {
      peakMiB = Math.max(peakMiB, sum(uses.map(({ rssMiB }) => rssMiB)));
    });
  }, 500);
  try {
    const began = performance.now();
    await sendAll(stack, events, progress);
    const accepted = performance.now() - began;
    await untilApplied(stack, events, progress);
    const applied = performance.now() - began;
    return {
      events,
      accepted: accepted / 1000,
      applied: applied / 1000,
      idle,
      end: await processTree(stack.pid),
      peakMiB,
    };
  } finally {
    clearInterval(watch);
    await stack.stop();
  }
}

async function sendAll(stack: StackProcess, count: number, progress: (text: string) => void): Promise<void> {
  const source = madeUp({ domain: telemetry, count, subjects: DEVICES, now: Date.now(), run: 'bench' });
  let sent = 0;
  const lane = async () => {
    for (;;) {
      const batch: unknown[] = [];
      for (let next = source.next(); !next.done; next = source.next()) {
        batch.push(next.value.event);
        if (batch.length === BATCH) break;
      }
      if (batch.length === 0) return;
      await stack.post(batch);
      sent += batch.length;
      if (sent % 5000 === 0) progress(`${sent} accepted`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

/** Waits until the devices' readings and the days' counts both add up to the number of events. */
async function untilApplied(stack: StackProcess, count: number, progress: (text: string) => void): Promise<void> {
  const began = performance.now();
  let last = -1;
  let since = performance.now();
  for (;;) {
    const devices = await stack.list<{ readonly id: string; readonly readings: number }>('/v1/devices');
    const applied = sum(devices.map(({ readings }) => readings));
    let rolledUp = 0;
    if (applied === count) {
      for (const { id } of devices) {
        const days = await stack.list<{ readonly count: number }>(`/v1/devices/${id}/rollups?window=1d`);
        rolledUp += sum(days.map((day) => day.count));
      }
      if (rolledUp === count) return;
    }
    if (applied > count || rolledUp > count)
      throw new Error(`Of ${count} events ${applied} and ${rolledUp} were applied.`);
    if (applied + rolledUp !== last) {
      last = applied + rolledUp;
      since = performance.now();
      progress(`${applied} in device state, ${rolledUp} in rollups`);
    } else if (performance.now() - since > STALLED_MS) {
      throw new Error(`Of ${count} events only ${applied} and ${rolledUp} were applied; nothing moves any more.`);
    }
    await sleep(Math.max(LOOK_EVERY_MS, LOOK_SHARE * (performance.now() - began)));
  }
}

function summary(sizes: readonly number[], runs: readonly Run[], { cloud }: Context): Table {
  return {
    title: `One cell on ${cloud === 'aws' ? 'AWS' : 'Azure'}, ${DEVICES} devices, requests of ${BATCH} events, ${IN_FLIGHT} at a time`,
    columns: [
      { key: 'events', title: 'events' },
      { key: 'accepted', title: 'accepted/s' },
      { key: 'applied', title: 'applied/s' },
      { key: 'seconds', title: 'seconds', digits: 1 },
      { key: 'cpu', title: 'cpu ms/event', digits: 2 },
      { key: 'idle', title: 'idle MiB' },
      { key: 'peak', title: 'peak MiB' },
    ],
    rows: sizes.map((events) => {
      const of = (pick: (run: Run) => number) => median(runs.filter((each) => each.events === events).map(pick));
      const used = (each: Run) => cpu(each.end) - cpu(each.idle);
      return {
        events,
        accepted: of((each) => events / each.accepted),
        applied: of((each) => events / each.applied),
        seconds: of((each) => each.applied),
        cpu: of((each) => (used(each) * 1000) / events),
        idle: of((each) => sum(each.idle.map(({ rssMiB }) => rssMiB))),
        peak: of((each) => each.peakMiB),
      };
    }),
    notes: [
      'applied: from the first request until device state and rollups both hold every event, watched through the API.',
      'Memory is the sum of resident sets, so what processes share counts once for each; on AWS the database lies in a file system in memory on top, about 1 KB an event.',
    ],
  };
}

function parts(runs: readonly Run[]): Table[] {
  const run = runs[0];
  if (run === undefined || run.end.length === 0) return [];
  const idle = byPart(run.idle);
  const total = cpu(run.end) - cpu(run.idle);
  const rows = [...byPart(run.end)].map(([part, { processes, rssMiB, cpuSeconds }]) => {
    const used = cpuSeconds - (idle.get(part)?.cpuSeconds ?? 0);
    return {
      part,
      processes,
      idle: idle.get(part)?.rssMiB ?? 0,
      rssMiB,
      cpu: (used * 1000) / run.events,
      share: (100 * used) / total,
    };
  });
  return [
    {
      title: `By process, ${run.events} events`,
      columns: [
        { key: 'part', title: '' },
        { key: 'processes', title: 'processes' },
        { key: 'idle', title: 'MiB idle' },
        { key: 'rssMiB', title: 'MiB at the end' },
        { key: 'cpu', title: 'cpu ms/event', digits: 3 },
        { key: 'share', title: '% of cpu' },
      ],
      rows: rows.sort((a, b) => b.share - a.share),
    },
  ];
}

/** The largest run may take at most half as long again for an event as the one before it. */
function verdicts(sizes: readonly number[], runs: readonly Run[]): Verdict[] {
  const perEvent = sizes.map((events) =>
    median(runs.filter((each) => each.events === events).map((each) => each.applied / events)),
  );
  const growth = (perEvent.at(-1) ?? Number.NaN) / (perEvent.at(-2) ?? Number.NaN);
  const found = `${growth.toFixed(2)} times the time an event`;
  return [
    {
      target: `time grows with the number of events from ${sizes.at(-2)} to ${sizes.at(-1)}`,
      found,
      met: growth < 1.5,
    },
  ];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const cpu = (uses: readonly ProcessUse[]): number => sum(uses.map(({ cpuSeconds }) => cpuSeconds));
const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
