// `moves`: a tenant goes to the other cloud while it is written to: how long it takes, what its neighbours notice, and whether memory stays flat.
import { systemClock } from '../../adapters/system/system.ts';
import { epochOf, type Tenant } from '../../core/edge/ports/directory-model.ts';
import type { MoveView } from '../../core/edge/ports/mover.ts';
import type { Benchmark, Cloud, Context } from '../kit/benchmark.ts';
import type { Table, Verdict } from '../kit/report.ts';
import { quantile } from '../kit/statistics.ts';
import { processTree } from '../pipeline/processes.ts';
import { type Client, startClient } from './clients.ts';
import { type MovesGround, openMovesGround } from './ground.ts';
import { type HeapSample, heapGrowth, usedHeapMiB } from './heap.ts';
import { seedLog } from './seed.ts';

const EVENTS = 100_000;
const QUICK_EVENTS = 10_000;
const MOVED = 'moved';
const NEIGHBOUR = 'neighbour';
/** Between two requests of a client: 20 a second. */
const EVERY_MS = 50;
/** Requests of each client before the move, which the others are compared with. */
const BEFORE = 400;
/** Used heap is looked at after each of so many parts of the log. */
const PARTS = 20;
/** A move that stays at a step for longer than this is stuck. */
const STUCK_MS = 3_600_000;

const TARGETS = {
  neighbours: 1.1,
  verifyCpuSeconds: 10,
  estimate: 0.3,
  /** MiB for 100,000 events: what is above it would be a tenth of a small function's memory for a million. */
  heapGrowth: 1,
} as const;

/** What was seen of a move. */
interface Course {
  /** Seconds of each step. */
  readonly steps: ReadonlyMap<string, number>;
  /** Of seeding, with what has passed until then. */
  readonly heap: readonly HeapSample[];
  /** The first estimate, and how long it took from there, in milliseconds. */
  readonly estimate: { readonly said: number; readonly took: number } | undefined;
  /** Processor time of this process while seeding, in seconds. */
  readonly seedingCpu: number;
  readonly seedingTimes: readonly number[];
  readonly problems: ReadonlySet<string>;
}

const secondsOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;

async function follow(ground: MovesGround, context: Context, neighbour: Client, to: Cloud): Promise<Course> {
  const { mover, clock } = ground;
  const order = { tenant: MOVED, to, rate: null, pauseBefore: null, actor: 'bench', reason: 'a benchmark' };
  const begun = await mover.start(order, false);
  if ('refused' in begun) throw new Error(`The move is refused: ${begun.detail}`);
  const steps = new Map<string, number>();
  const heap: HeapSample[] = [];
  const problems = new Set<string>();
  let estimate: { readonly said: number; readonly at: number } | undefined;
  let took = Number.NaN;
  let seedingCpu = 0;
  let seedingTimes: readonly number[] = [];
  let before: MoveView = begun.value;
  let since = performance.now();
  let cpu = process.cpuUsage();
  for (;;) {
    const next = await mover.round();
    const move = await mover.show(MOVED);
    if (move === null || move.state === 'aborted') throw new Error(`The move has ended: ${move?.problem}`);
    if (move.problem !== null) problems.add(`${move.state}: ${move.problem}`);
    const now = performance.now();
    if (now - since > STUCK_MS) throw new Error(`The move is stuck at ${move.state}: ${move.problem}`);
    if (move.state === 'seeding') {
      const total = Number(move.total);
      if (move.there >= (heap.length * total) / PARTS) heap.push({ events: move.there, usedMiB: usedHeapMiB() });
      if (move.remainingMs !== null) estimate ??= { said: move.remainingMs, at: now };
    }
    if (move.state !== before.state) {
      steps.set(before.state, (now - since) / 1000);
      if (before.state === 'planned') {
        cpu = process.cpuUsage();
        neighbour.begin();
      }
      if (before.state === 'seeding') {
        seedingCpu = secondsOf(process.cpuUsage(cpu));
        seedingTimes = neighbour.times();
        if (estimate !== undefined) took = now - estimate.at;
      }
      since = now;
    }
    before = move;
    if (move.state === 'verified') break;
    context.progress(`moves: ${move.state}, ${move.there} of ${move.total ?? 'as many events as there are'}`);
    // The drain is a wait of two minutes for requests that a platform may still let run; here none is under way.
    if (move.state === 'fenced') clock.skip(move.notBefore - clock.now());
    else if (next !== null && next > clock.now()) await systemClock.sleep(next - clock.now());
  }
  return {
    ...{ steps, heap, seedingCpu, seedingTimes, problems },
    estimate: estimate && { said: estimate.said, took },
  };
}

/** Compares everything once more, with nothing else going on; what was found, and the processor time of both cells for it. */
async function verified({ compare, directory }: MovesGround, from: Cloud) {
  const { tenant } = await directory.lookup(MOVED);
  if (tenant === null) throw new Error('The tenant has gone.');
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let restart = true; ; restart = false) {
    const found = await compare(tenant, from, restart);
    if (typeof found === 'string') throw new Error(`The copies cannot be compared: ${found}`);
    if (found.done !== true) continue;
    const seconds = (performance.now() - began) / 1000;
    const lacking = Number(found.missing) + Number(found.different);
    return { same: Number(found.same), lacking, cpu: secondsOf(process.cpuUsage(cpu)), seconds };
  }
}

const untilSent = async (client: Client, count: number): Promise<void> => {
  while (client.times().length < count) await systemClock.sleep(EVERY_MS);
};

async function tenantOf({ directory }: MovesGround): Promise<{ readonly tenant: Tenant; readonly epoch: number }> {
  const { tenant, cells } = await directory.lookup(MOVED);
  const home = cells.find(({ id }) => id === tenant?.cell);
  if (tenant === null || home === undefined) throw new Error('The tenant has gone.');
  return { tenant, epoch: epochOf(tenant, home) };
}

export const movesBenchmark: Benchmark = {
  name: 'moves',
  summary: 'a tenant goes to the other cloud while it is written to: time, rate, memory, neighbours, verification',
  clouds: ['aws', 'azure'],
  takesEvents: true,
  async run(context) {
    const events = context.events ?? (context.quick ? QUICK_EVENTS : EVENTS);
    const from = context.cloud;
    const to = from === 'aws' ? 'azure' : 'aws';
    const ground = await openMovesGround(context, [MOVED, NEIGHBOUR]);
    const { epoch } = await tenantOf(ground);
    const began = performance.now();
    await seedLog(ground.cells[from], {
      ...{ tenant: MOVED, epoch, events },
      progress: (stored) => context.progress(`moves: ${stored} of ${events} events are in the log`),
    });
    const fillingSeconds = (performance.now() - began) / 1000;
    const neighbour = startClient(ground, NEIGHBOUR, EVERY_MS);
    const own = startClient(ground, MOVED, EVERY_MS);
    context.atEnd(async () => {
      await Promise.allSettled([neighbour.stop(), own.stop(), ground.copies.aws.stop(), ground.copies.azure.stop()]);
    });
    context.progress('moves: the neighbour alone');
    await untilSent(neighbour, BEFORE / 4);
    neighbour.begin();
    await untilSent(neighbour, BEFORE);
    const alone = neighbour.times();
    const course = await follow(ground, context, neighbour, to);
    await neighbour.stop();
    await own.stop();
    await Promise.all([ground.copies.aws.stop(), ground.copies.azure.stop()]);
    context.progress('moves: compared once more');
    const check = await verified(ground, from);
    const expected = events + own.acknowledged;
    const processes = await processTree(process.pid);
    return {
      benchmark: 'moves',
      tables: [
        stepsTable({ course, events, from, to, fillingSeconds }),
        neighbourTable(alone, course.seedingTimes),
        {
          title: 'Memory in MiB at the end, by process: the emulators keep both logs in it',
          columns: [
            { key: 'part', title: '' },
            { key: 'rss', title: 'RSS' },
          ],
          rows: processes.map(({ pid, part, rssMiB }) => ({
            part: pid === process.pid ? 'both cells, the edge and the clients' : part,
            rss: rssMiB,
          })),
        },
      ],
      verdicts: verdictsOf({ course, alone, check, expected, repeated: own.repeated + neighbour.repeated }),
    };
  },
};

interface Found {
  readonly course: Course;
  readonly events: number;
  readonly from: Cloud;
  readonly to: Cloud;
  readonly fillingSeconds: number;
}

function stepsTable({ course, events, from, to, fillingSeconds }: Found): Table {
  const { steps, seedingCpu, problems } = course;
  const seeding = steps.get('seeding') ?? Number.NaN;
  return {
    title: `${events.toLocaleString('en-US')} events of 300 bytes from ${from} to ${to}, while ${1000 / EVERY_MS} more a second are written`,
    columns: [
      { key: 'step', title: 'step' },
      { key: 'seconds', title: 'seconds', digits: 1 },
      { key: 'rate', title: 'events/s' },
    ],
    rows: [
      { step: 'filling the log', seconds: fillingSeconds, rate: events / fillingSeconds },
      ...[...steps].map(([step, seconds]) => ({ step, seconds, rate: step === 'fenced' ? null : events / seconds })),
    ],
    notes: [
      'planned counts what is missing, seeding sends it, following sends what came meanwhile, drained compares all of it again. The wait of two minutes behind the fence is left out.',
      `Seeding took ${((1e6 * seedingCpu) / events).toFixed(0)} s of processor time for a million events, ${seedingCpu.toFixed(1)} s in ${seeding.toFixed(1)} s: of both cells, the edge and the clients, which share a process; the emulators have their own.`,
      ...[...problems].map((problem) => `It waited at ${problem}.`),
    ],
  };
}

function neighbourTable(alone: readonly number[], beside: readonly number[]): Table {
  const row = (when: string, times: readonly number[]) => ({
    ...{ when, requests: times.length },
    ...{ p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
  });
  return {
    title: 'The neighbour’s requests in the source, of one event each, in milliseconds',
    columns: [
      { key: 'when', title: '' },
      { key: 'requests', title: 'requests' },
      { key: 'p50', title: 'p50', digits: 1 },
      { key: 'p99', title: 'p99', digits: 1 },
    ],
    rows: [row('before the move', alone), row('while seeding', beside)],
    notes: [
      'Here both cells and the clients share one processor, so that a neighbour waits for more than the source’s own work.',
    ],
  };
}

interface Judged {
  readonly course: Course;
  readonly alone: readonly number[];
  readonly check: Awaited<ReturnType<typeof verified>>;
  /** Events that must be at the target. */
  readonly expected: number;
  readonly repeated: number;
}

function verdictsOf({ course, alone, check, expected, repeated }: Judged): Verdict[] {
  const perMillion = (1e6 * check.cpu) / check.same;
  const growth = heapGrowth(course.heap.slice(1));
  const ratio = quantile(course.seedingTimes, 0.99) / quantile(alone, 0.99);
  const { estimate } = course;
  const error = estimate === undefined ? Number.NaN : Math.abs(estimate.said / estimate.took - 1);
  return [
    {
      target: 'every event of the source is at the target',
      found: `${check.lacking} of ${check.same + check.lacking} missing or different; ${expected} were acknowledged, and ${repeated} requests repeated`,
      met: check.lacking === 0,
    },
    {
      target: `verification: at most ${TARGETS.verifyCpuSeconds} s of processor time for a million events`,
      found: `${perMillion.toFixed(1)} s in both cells together, ${((1e6 * check.seconds) / check.same).toFixed(0)} s passed`,
      met: perMillion <= TARGETS.verifyCpuSeconds,
    },
    {
      target: `used heap while seeding grows by at most ${TARGETS.heapGrowth} MiB for 100,000 events`,
      found: `${growth.toFixed(2)} MiB, from ${course.heap[1]?.usedMiB.toFixed(0)} to ${course.heap.at(-1)?.usedMiB.toFixed(0)} MiB`,
      met: growth <= TARGETS.heapGrowth,
    },
    {
      target: `the estimate after a tenth is within ${100 * TARGETS.estimate} %`,
      found:
        estimate === undefined
          ? 'there was none'
          : `${(estimate.said / 1000).toFixed(0)} s were said, ${(estimate.took / 1000).toFixed(0)} s it took: ${(100 * error).toFixed(0)} %`,
      met: error <= TARGETS.estimate,
    },
    {
      target: `the neighbour’s p99 while seeding: at most ${TARGETS.neighbours} times before`,
      found: ratio.toFixed(2),
      met: ratio <= TARGETS.neighbours,
    },
  ];
}
