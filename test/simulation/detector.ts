// The failure detector against a year of an imperfect network: how often it fails a healthy cell over, and how fast a lost one.
import type { ProbeResult } from '../../core/cell/health-probe.ts';
import { decide, EMPTY_MEMORY, type MonitorMemory } from '../../core/edge/monitor/failure-detector.ts';
import type { MonitorSettings } from '../../core/edge/monitor/monitor-settings.ts';
import type { Cell } from '../../core/edge/ports/directory-model.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { type Random, seeded } from './random.ts';

const SECOND = 1000;
const DAY = 86_400 * SECOND;
export const YEAR = 365 * DAY;

/** What is assumed of a network; each rate is of one cell unless it says otherwise. */
export type World = { readonly [name in keyof typeof USUAL]: number };

/** A network as good as the clouds' usually are. */
export const USUAL = {
  /** Share of probes that are lost, independently of each other. */
  loss: 0.01,
  /** A healthy answer: lognormal. */
  medianMs: 60,
  sigma: 0.6,
  /** Cold starts, garbage collection, throttling: answers come this much later. */
  spikesPerDay: 24,
  spikeMeanMs: 1000,
  spikeExtraMeanMs: 500,
  /** The way to a cell is interrupted. */
  blipsPerDay: 4,
  blipMeanMs: 300,
  /** A deployment: half of the requests are refused for a moment. */
  deploysPerDay: 1.5,
  deployMaximumMs: 2000,
  /** Alarms come late; and now and then the monitor's object is moved, which stops all of it. */
  alarmMeanMs: 50,
  stallsPerDay: 2,
  stallMaximumMs: 10_000,
} as const;

/** A network that is three times as bad: spikes are longer and slower, interruptions are longer. */
export const ROUGH: World = { ...USUAL, spikeMeanMs: 2000, spikeExtraMeanMs: 1500, blipMeanMs: 900 };

const CELLS: readonly Cell[] = (['aws alpha', 'azure beta', 'azure gamma'] as const).map((name) => {
  const [cloud, id] = name.split(' ') as ['aws' | 'azure', string];
  return {
    ...{ id, cloud, region: `region-of-${id}`, jurisdiction: 'eu', endpoint: `https://${id}.example` },
    ...{ capacity: 1, price: 1, failover: 'automatic', state: 'active', switches: 0, revision: 1 },
  };
});

interface Episode {
  readonly from: number;
  readonly to: number;
  readonly cell: string | null;
  readonly kind: 'spike' | 'blip' | 'deploy' | 'stall';
  readonly extraMs: number;
}

function episodesOf(random: Random, spanMs: number, world: World): readonly Episode[] {
  const episodes: Episode[] = [];
  const add = (kind: Episode['kind'], cell: string | null, perDay: number, lengthMs: () => number, extra = () => 0) => {
    for (let at = random.exponential(DAY / perDay); at < spanMs; at += random.exponential(DAY / perDay))
      episodes.push({ kind, cell, from: at, to: at + lengthMs(), extraMs: extra() });
  };
  for (const { id } of CELLS) {
    add(
      'spike',
      id,
      world.spikesPerDay,
      () => random.exponential(world.spikeMeanMs),
      () => random.exponential(world.spikeExtraMeanMs),
    );
    add('blip', id, world.blipsPerDay, () => random.exponential(world.blipMeanMs));
    add('deploy', id, world.deploysPerDay, () => random.next() * world.deployMaximumMs);
  }
  add('stall', null, world.stallsPerDay, () => SECOND + random.next() * (world.stallMaximumMs - SECOND));
  return episodes.sort((a, b) => a.from - b.from);
}

/** How long before an episode the detector runs step by step, so that its windows are what they would be. */
const BEFORE_MS = 2000;

interface Run {
  /** When the cell is lost, and how; nothing is, without it. */
  readonly lost?: { readonly cell: string; readonly at: number; readonly how: 'silent' | 'refused' };
  readonly onOrder: (cell: string, at: number) => boolean;
}

/**
 * Runs the detector for so long. Stretches in which nothing happens are skipped, and those with single lost probes: they leave no trace in
 * its memory. It goes on where two probes of one cell are lost one after the other, or with the next episode.
 */
function simulate(
  random: Random,
  settings: MonitorSettings,
  world: World,
  spanMs: number,
  { lost, onOrder }: Run,
): void {
  const episodes = episodesOf(random, spanMs, world);
  let nextEpisode = 0;
  let active: Episode[] = [];
  let memory: MonitorMemory = EMPTY_MEMORY;
  let pending: { readonly cell: string; readonly dueAt: number; readonly result: ProbeResult }[] = [];
  let now = 0;
  let calm = 0;

  const probe = (cell: string, sentAt: number): void => {
    const push = (dueAt: number, result: Omit<ProbeResult, 'sentAt'>) =>
      pending.push({ cell, dueAt, result: { ...result, sentAt: epochMs(sentAt) } });
    const judged = sentAt + settings.timeoutMs;
    const isLost = lost !== undefined && lost.cell === cell && sentAt >= lost.at;
    const about = active.filter((each) => each.cell === cell && each.from <= sentAt && sentAt < each.to);
    if (isLost && lost.how === 'refused') push(sentAt + 5, { answer: 'refused', detail: '', tookMs: 5 });
    else if (about.some(({ kind }) => kind === 'deploy') && random.chance(0.5))
      push(sentAt + 50, { answer: 'refused', detail: '', tookMs: 50 });
    else if (isLost || random.chance(world.loss) || about.some(({ kind }) => kind === 'blip'))
      push(judged, { answer: 'silent', detail: '', tookMs: settings.timeoutMs });
    else {
      const extra = about.reduce((sum, { extraMs }) => sum + extraMs, 0);
      const tookMs = world.medianMs * Math.exp(world.sigma * random.normal()) + extra;
      if (tookMs > settings.timeoutMs) push(judged, { answer: 'silent', detail: '', tookMs: settings.timeoutMs });
      if (tookMs <= 5 * settings.timeoutMs) push(sentAt + tookMs, { answer: 'alive', detail: 'ok', tookMs });
    }
  };

  while (now < spanMs) {
    // Nothing of interest is near: jump to what comes next, a lost probe or an episode.
    if (calm >= 3 && pending.length === 0 && active.length === 0 && (lost === undefined || now < lost.at - BEFORE_MS)) {
      const untilLoss = random.exponential(settings.intervalMs / (world.loss ** 2 * CELLS.length));
      const target = Math.min(
        now + untilLoss,
        (episodes[nextEpisode]?.from ?? spanMs) - BEFORE_MS,
        lost === undefined ? spanMs : lost.at - BEFORE_MS,
      );
      if (target > now) {
        now = target;
        memory = { ...memory, roundAt: epochMs(now) };
        // The two losses that were jumped to.
        const { id } = random.pick(CELLS);
        for (const sentAt of [now - settings.urgentMs, now - 1])
          pending.push({
            cell: id,
            dueAt: now,
            result: { sentAt: epochMs(sentAt), answer: 'silent', detail: '', tookMs: settings.timeoutMs },
          });
        calm = 0;
      }
    }
    const startedAt = now;
    while ((episodes[nextEpisode]?.from ?? Number.POSITIVE_INFINITY) <= now + BEFORE_MS) {
      active.push(episodes[nextEpisode] as Episode);
      nextEpisode += 1;
    }
    active = active.filter(({ to }) => to + BEFORE_MS > now);
    for (const { id } of CELLS) probe(id, now);
    const latest = Math.max(...pending.map(({ dueAt }) => dueAt));
    now = Math.min(startedAt + settings.urgentMs, Math.max(latest, startedAt + 1));
    const stall = active.find(({ kind, from, to }) => kind === 'stall' && from <= now && now < to);
    const results = new Map<string, ProbeResult[]>();
    if (stall !== undefined) now = stall.to;
    for (const { cell, dueAt, result } of pending.filter((each) => each.dueAt <= now)) {
      const isVoid = stall !== undefined && result.answer === 'silent' && dueAt < now - settings.timeoutMs / 4;
      const kept = isVoid ? { ...result, answer: 'void' as const } : result;
      results.set(cell, [...(results.get(cell) ?? []), kept]);
    }
    pending = pending.filter((each) => each.dueAt > now);
    const decision = decide(memory, CELLS, { results, views: [] }, epochMs(now), settings);
    memory = decision.memory;
    calm = decision.urgent || pending.length > 0 ? 0 : calm + 1;
    for (const order of decision.orders) {
      if (onOrder(order.cell, now)) return;
      memory = { ...memory, cells: new Map([...memory.cells].filter(([id]) => id !== order.cell)) };
    }
    const next = decision.urgent
      ? startedAt + settings.urgentMs
      : startedAt + settings.intervalMs + random.exponential(world.alarmMeanMs);
    now = Math.max(now, next);
  }
}

export interface DetectorReport {
  readonly years: number;
  /** False failovers a year of one cell. */
  readonly falsePerYear: number;
  /** Milliseconds from the loss to the order. */
  readonly silent: Percentiles;
  readonly refused: Percentiles;
}

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

/** Measures both sides of the bargain. */
export function measureDetector(
  seed: number,
  settings: MonitorSettings,
  { years, losses, world = USUAL }: { readonly years: number; readonly losses: number; readonly world?: World },
): DetectorReport {
  let wrong = 0;
  simulate(seeded(seed), settings, world, years * YEAR, {
    onOrder: () => {
      wrong += 1;
      return false;
    },
  });
  const times = (how: 'silent' | 'refused'): Percentiles => {
    const random = seeded(seed + 1);
    const found: number[] = [];
    for (let index = 0; index < losses; index += 1) {
      const at = 20_000 + random.next() * 20_000;
      let orderedAt = Number.POSITIVE_INFINITY;
      simulate(random, settings, world, at + 60_000, {
        lost: { cell: 'alpha', at, how },
        onOrder: (cell, now) => {
          if (cell === 'alpha' && now >= at) orderedAt = now;
          return cell === 'alpha';
        },
      });
      found.push(Math.round(orderedAt - at));
    }
    found.sort((a, b) => a - b);
    const percentile = (share: number) => found[Math.min(found.length - 1, Math.floor(found.length * share))] ?? 0;
    return { p50: percentile(0.5), p99: percentile(0.99), worst: found.at(-1) ?? 0 };
  };
  return { years, falsePerYear: wrong / years / CELLS.length, silent: times('silent'), refused: times('refused') };
}
