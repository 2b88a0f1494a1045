// Neighbours in a cell in simulated time: how long a victim's events take to the state, alone or beside a tenant that floods one device.
import { type QuotaRules, quota } from '../../core/edge/router/quota.ts';
import type { Clock } from '../../core/ports/clock.ts';
import edge from '../../infra/edge.json' with { type: 'json' };
import { reading } from './events.ts';
import { START } from './fake-clock.ts';
import { type CellOptions, PADDED_BYTES, simulatedCell } from './simulated-cell.ts';

/** Five events a second for a minute, of as many devices. */
const VICTIM = { tenant: 'quiet', events: 300, everyMs: 200, devices: 5 } as const;

/** 39 MB to one device and minute, once the victim has sent for a while. */
const FLOOD = { tenant: 'hostile', requests: 40, events: 5, afterMs: 10_000 } as const;

/** How often a client tries that heeds no answer. */
const INSISTING_MS = 50;

/**
 * How fast the flood comes: as fast as the edge lets a tenant of the standard tier send it, or straight at the cell, with the next request after
 * 200 ms. That is 5 MB a second, of which DynamoDB takes one from one device
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).
 */
export const PACES = ['through the edge', 'straight'] as const;
export type Pace = (typeof PACES)[number];
const STRAIGHT_MS = 200;

export interface NeighboursOptions extends Pick<CellOptions, 'platform' | 'consumers' | 'seed' | 'lanes'> {
  /** No flood without it. */
  readonly flood?: Pace;
}

/** Of each consumer, how long the victim's events took from the log to its state, in milliseconds, the shortest first. */
export type Delays = ReadonlyMap<string, readonly number[]>;

/** Returns how long the victim's events took, and how many times a consumer's state got an event of the flood meanwhile. */
export async function neighbours({
  flood,
  ...options
}: NeighboursOptions): Promise<{ delays: Delays; floodApplied: number }> {
  const storedAt = new Map<string, number>();
  const delays = new Map<string, number[]>();
  let floodApplied = 0;
  const cell = simulatedCell({
    ...options,
    applied(consumer, events) {
      for (const { tenant, event } of events) {
        if (tenant === FLOOD.tenant) floodApplied += 1;
        else
          delays.set(consumer, [
            ...(delays.get(consumer) ?? []),
            cell.clock.now() - (storedAt.get(event.id) ?? Number.NaN),
          ]);
      }
    },
  });
  const { clock, random } = cell;
  const at = (afterMs: number) => new Date(START - 600_000 + afterMs).toISOString();

  const send = async () => {
    await clock.sleep(random.below(1000));
    for (let sent = 0; sent < VICTIM.events; sent += 1) {
      const subject = `device-${sent % VICTIM.devices}`;
      const event = reading({ id: `quiet-${sent}`, subject, time: at(sent * VICTIM.everyMs) });
      storedAt.set(event.id, clock.now());
      await cell.store(VICTIM.tenant, [event]);
      await clock.sleep(VICTIM.everyMs);
    }
  };
  const pour = async (pace: Pace) => {
    const next = pacing(pace, clock);
    await clock.sleep(FLOOD.afterMs + random.below(1000));
    for (let request = 0; request < FLOOD.requests; request += 1) {
      await next();
      const events = Array.from({ length: FLOOD.events }, (_, index) =>
        reading({
          id: `padded-${request}-${index}`,
          subject: 'padded',
          time: at(request * 1000 + index),
          padding: PADDED_BYTES,
        }),
      );
      await cell.store(FLOOD.tenant, events);
    }
  };
  void send();
  if (flood !== undefined) void pour(flood);
  const isDone = () =>
    delays.size === options.consumers.length && [...delays.values()].every((times) => times.length === VICTIM.events);
  await cell.run(isDone);
  const warned = cell.log.messages('error');
  if (warned.length > 0) throw new Error(`Nothing is parked here: ${warned.join(', ')}`);
  return {
    delays: new Map([...delays].map(([name, times]) => [name, [...times].sort((a, b) => a - b)])),
    floodApplied,
  };
}

/** Waits until the next request of the flood is let through. */
function pacing(pace: Pace, clock: Clock): () => Promise<void> {
  if (pace === 'straight') return () => clock.sleep(STRAIGHT_MS);
  const allowed = quota({ rules: edge.quotas satisfies QuotaRules, clock });
  return async () => {
    while (allowed.take(FLOOD.tenant, 'standard', FLOOD.events * PADDED_BYTES).wait > 0)
      await clock.sleep(INSISTING_MS);
  };
}

/** The 99th percentile. */
export const p99 = (sorted: readonly number[]): number => sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN;

/** By how much the p99 of the consumer that suffers most is longer beside the flood. */
export const worstRatio = (beside: Delays, alone: Delays): number =>
  Math.max(...[...alone].map(([consumer, times]) => p99(beside.get(consumer) ?? []) / p99(times)));
