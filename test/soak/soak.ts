// One cell under half of the load that it can take, while its processes are killed: what is lost or counted twice, and what grows.
import { setTimeout as sleep } from 'node:timers/promises';
import { CellClient, type Device } from '../support/cell-client.ts';
import type { CellHarness } from '../support/cell-harness.ts';
import { asEvent, reading, type TestReading } from '../support/readings.ts';
import { type Sample, type Trend, trendOf } from './trend.ts';

export const SOAK_LIMITS = {
  /** Events of a request, and the devices that they are of. */
  batch: 10,
  devices: 20,
  /** Requests under way at once. */
  concurrent: 8,
  /** Attempts of a request while the cell or its platform does not take it, and the pause between them, in milliseconds. */
  tries: 100,
  pauseMs: 250,
  /**
   * A request that has no answer by then is repeated, in milliseconds: a killed process may leave its connection open. Earlier than the
   * platform ends a function, so that invocations that wait for callers who have left are noticed.
   */
  answerMs: 15_000,
  /** The load may not be below one request in this time, in milliseconds. */
  slowestMs: 1000,
  probeEveryMs: 1000,
  lookEveryMs: 50,
  sampleEveryMs: 5000,
} as const;

export interface SoakOptions {
  readonly cell: CellHarness;
  readonly durationMs: number;
  /** How long the cell gets all that it takes, to learn how much that is. */
  readonly measureMs: number;
  readonly killEveryMs: number;
  /** MiB of the cell's function processes now. */
  readonly memory: () => Promise<number>;
  readonly progress: (text: string) => void;
}

export interface SoakReport {
  readonly cell: string;
  /** Events a second, applied. */
  readonly capacity: number;
  readonly rate: number;
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly twice: number;
  readonly parked: number;
  readonly deadLetters: number;
  /** From the request to the state, in milliseconds. */
  readonly latency: Trend;
  /** Of the cell's function processes together, in MiB. */
  readonly memory: Trend;
}

/** Soaks a cell. Rejects if it does not take events, or does not apply all of them in the end. */
export async function soak({
  cell,
  durationMs,
  measureMs,
  killEveryMs,
  memory,
  progress,
}: SoakOptions): Promise<SoakReport> {
  let numbered = 0;
  const take = taker(cell, 'soaked');
  const batch = () => Array.from({ length: SOAK_LIMITS.batch }, () => numberedReading(numbered++));
  const client = new CellClient(cell, 'soaked');

  progress(`${cell.id}: measuring what it can take`);
  // Its functions have started, and its devices are known.
  await take(batch());
  await client.settled(numbered);
  const warm = numbered;
  const capacity = await inTime(measureMs, async (isOver) => {
    await Promise.all(
      Array.from({ length: SOAK_LIMITS.concurrent }, async () => {
        while (!isOver()) await take(batch());
      }),
    );
    await client.settled(numbered);
    return numbered - warm;
  });
  const rate = Math.max((SOAK_LIMITS.batch * 1000) / SOAK_LIMITS.slowestMs, capacity / 2);
  progress(`${cell.id}: ${capacity.toFixed(0)} events a second; soaking it with ${rate.toFixed(0)}`);

  const began = performance.now();
  const elapsed = () => performance.now() - began;
  const isOver = () => elapsed() >= durationMs;
  const latency: Sample[] = [];
  const used: Sample[] = [];
  let kills = 0;

  const load = async () => {
    const underWay = new Set<Promise<void>>();
    for (let sent = 0; !isOver(); sent += 1) {
      await sleep(Math.max(0, (sent * SOAK_LIMITS.batch * 1000) / rate - elapsed()));
      if (underWay.size >= SOAK_LIMITS.concurrent) await Promise.race(underWay);
      const request = take(batch()).finally(() => underWay.delete(request));
      underWay.add(request);
    }
    await Promise.all(underWay);
  };
  const probe = async () => {
    const prober = new CellClient(cell, 'probed');
    const send = taker(cell, 'probed');
    for (let count = 1; !isOver(); count += 1) {
      const at = elapsed();
      await send([reading({ id: `probe-${count}`, device: 'probe', time: new Date().toISOString() })]);
      for (;;) {
        if ((await readingsOf(prober, 'probe')) === count) break;
        await sleep(SOAK_LIMITS.lookEveryMs);
      }
      latency.push({ at, value: elapsed() - at });
      await sleep(SOAK_LIMITS.probeEveryMs);
    }
    return latency.length;
  };
  const kill = async () => {
    while (elapsed() + killEveryMs <= durationMs) {
      await sleep(killEveryMs);
      kills += 1;
      // In turn the consumers, and the relay between what it publishes and what it has to say of it.
      if (kills % 2 === 1) await cell.killWorkers();
      else cell.crashRelayAfterPublish(1);
      progress(`${cell.id}: ${numbered} events, ${kills} kills, ${Math.round(elapsed() / 1000)} s`);
    }
  };
  const watch = async () => {
    while (!isOver()) {
      used.push({ at: elapsed(), value: await memory() });
      await sleep(SOAK_LIMITS.sampleEveryMs);
    }
  };
  const [probes] = await Promise.all([probe(), load(), kill(), watch()]);

  progress(`${cell.id}: counting`);
  await client.settled(numbered).catch(() => undefined);
  const counted = (await client.all<Device>('/v1/devices')).reduce((sum, { readings }) => sum + readings, 0);
  await new CellClient(cell, 'probed').settled(probes);
  return {
    cell: cell.id,
    capacity,
    rate,
    kills,
    acknowledged: numbered + probes,
    lost: Math.max(0, numbered - counted),
    twice: Math.max(0, counted - numbered),
    parked: (await client.all('/v1/parked')).length,
    deadLetters: await cell.deadLetters(),
    latency: trendOf(latency),
    memory: trendOf(used),
  };
}

const numberedReading = (number: number): TestReading =>
  reading({
    id: `s-${number}`,
    device: `device-${number % SOAK_LIMITS.devices}`,
    time: new Date().toISOString(),
    value: (number % 400) / 4,
  });

/** Posts readings as a patient client does: again, also where a killed process has left no answer. */
function taker(cell: CellHarness, tenant: string) {
  const client = new CellClient(cell, tenant);
  return async (readings: readonly TestReading[]): Promise<void> => {
    let said: unknown;
    for (let tried = 0; tried < SOAK_LIMITS.tries; tried += 1) {
      try {
        const response = await client.request('/v1/events', {
          method: 'POST',
          headers: { 'content-type': 'application/cloudevents-batch+json' },
          body: JSON.stringify(readings.map(asEvent)),
          signal: AbortSignal.timeout(SOAK_LIMITS.answerMs),
        });
        if (response.status === 202) return;
        said = `${response.status} ${await response.text()}`;
      } catch (error) {
        said = error;
      }
      await sleep(SOAK_LIMITS.pauseMs);
    }
    throw new Error(`${cell.id} has not taken a request ${SOAK_LIMITS.tries} times: ${String(said)}`);
  };
}

/** What the state of a device counts now; `undefined` without an answer. */
async function readingsOf(client: CellClient, device: string): Promise<number | undefined> {
  try {
    const response = await client.request(`/v1/devices/${device}`, {
      signal: AbortSignal.timeout(SOAK_LIMITS.answerMs),
    });
    return ((await response.json()) as Partial<Device>).readings;
  } catch {
    return undefined;
  }
}

/** How much of `work` is done in a second. */
async function inTime(milliseconds: number, work: (isOver: () => boolean) => Promise<number>): Promise<number> {
  const began = performance.now();
  const done = await work(() => performance.now() - began >= milliseconds);
  return (done * 1000) / (performance.now() - began);
}
