// `neighbours`: how long a tenant's events take to its state, alone and beside a tenant that floods one device's minute.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark } from '../kit/benchmark.ts';
import { reading } from '../kit/events.ts';
import { type StackProcess, startStack } from '../pipeline/stack-process.ts';

/** The victims' p99 beside the flood is to stay within this many times their p99 without it. */
const TARGET = 2;
const REQUESTS = 40;
const EVENTS_OF_REQUEST = 5;
const EVENT_BYTES = 195 * 1024;
const LOOK_EVERY_MS = 20;
/** Longer than any delivery that is repeated: a state that is not there by then is lost. */
const GIVE_UP_MS = 150_000;

type Client = Pick<StackProcess, 'post' | 'list'>;

export const neighboursBenchmark: Benchmark = {
  name: 'neighbours',
  summary: 'a tenant beside another one that sends 39 MB of padded events to one device and minute',
  clouds: ['aws', 'azure'],
  async run(context) {
    const events = context.rounds ?? (context.quick ? 20 : 100);
    const stack = await startStack(context);
    const minute = Math.floor(Date.now() / 60_000 - 10) * 60_000;
    const victim = await stack.as('quiet');
    await follow(victim, 'warm', 10, minute);
    context.progress('neighbours: alone');
    const alone = await follow(victim, 'alone', events, minute);
    context.progress('neighbours: beside the flood');
    const hostile = await stack.as('hostile');
    const began = performance.now();
    const flooding = flood(hostile, minute);
    const beside = await follow(victim, 'beside', events, minute);
    await flooding;
    context.progress('neighbours: until the flood is counted');
    await untilCounted(hostile, 'padded', REQUESTS * EVENTS_OF_REQUEST);
    const seconds = (performance.now() - began) / 1000;
    await stack.stop();
    const ratio = percentile(beside, 0.99) / percentile(alone, 0.99);
    return {
      benchmark: 'neighbours',
      tables: [
        {
          title: `One cell on ${context.cloud}: milliseconds from the request to the state, ${events} events one after the other`,
          columns: [
            { key: 'when', title: '' },
            { key: 'p50', title: 'p50' },
            { key: 'p99', title: 'p99' },
            { key: 'most', title: 'most' },
          ],
          rows: [row('alone', alone), row('beside the flood', beside)],
          notes: [
            `The flood of ${REQUESTS} requests, ${EVENTS_OF_REQUEST} events of ${EVENT_BYTES} bytes each, was counted within ${seconds.toFixed(0)} s.`,
          ],
        },
      ],
      verdicts: [
        {
          target: `p99 beside the flood: at most ${TARGET} times alone`,
          found: ratio.toFixed(2),
          met: ratio <= TARGET,
        },
      ],
    };
  },
};

/** Sends events one after the other, each once the one before is counted; how long each took, in milliseconds. */
async function follow(client: Client, device: string, count: number, minute: number): Promise<number[]> {
  const times: number[] = [];
  for (let sent = 1; sent <= count; sent += 1) {
    const began = performance.now();
    await client.post([reading({ id: `${device}-${sent}`, device, time: minute + sent * 500, value: sent })]);
    await untilCounted(client, device, sent);
    times.push(performance.now() - began);
  }
  return times;
}

async function untilCounted(client: Client, device: string, count: number): Promise<void> {
  const began = performance.now();
  for (;;) {
    const devices = await client.list<{ readonly id: string; readonly readings: number }>('/v1/devices');
    const readings = devices.find(({ id }) => id === device)?.readings ?? 0;
    if (readings > count) throw new Error(`${device} has ${readings} readings of ${count}.`);
    if (readings === count) return;
    if (performance.now() - began > GIVE_UP_MS) throw new Error(`${device} has only ${readings} readings of ${count}.`);
    await sleep(LOOK_EVERY_MS);
  }
}

async function flood(client: Client, minute: number): Promise<void> {
  for (let request = 0; request < REQUESTS; request += 1)
    await client.post(
      Array.from({ length: EVENTS_OF_REQUEST }, (_, index) =>
        reading({
          id: `flood-${request}-${index}`,
          device: 'padded',
          time: minute + request * 1000 + index,
          value: index,
          bytes: EVENT_BYTES,
        }),
      ),
    );
}

const percentile = (times: readonly number[], share: number): number => {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
};

const row = (when: string, times: readonly number[]) => ({
  when,
  p50: percentile(times, 0.5),
  p99: percentile(times, 0.99),
  most: Math.max(...times),
});
