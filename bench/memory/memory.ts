// `memory`: what the default stack keeps in memory when it is ready and after a load, by process.

import { setTimeout as sleep } from 'node:timers/promises';
import { madeUp } from '../../cli/samples.ts';
import type { StackClient } from '../../cli/stack-client.ts';
import { telemetry } from '../../core/domains/telemetry/domain.ts';
import type { Benchmark, Context } from '../kit/benchmark.ts';
import type { Table } from '../kit/report.ts';
import { byPart, type ProcessUse, processTree } from '../pipeline/processes.ts';
import { startDev, tenantOf } from '../pipeline/stack-process.ts';

/** A tenant of each cloud, as `infra/tenants.json` places them. */
const TENANTS = ['acme', 'globex'];
const EVENTS = 40_000;
const BATCH = 100;
const DEVICES = 50;
/** Figures are taken once the stack has been left alone this long. */
const SETTLE_MS = 5000;
const LOOK_EVERY_MS = 1000;
/** Attempts to send one batch, with a pause of `LOOK_EVERY_MS` between them. */
const ATTEMPTS = 30;
/** Queues that hold something for longer than this after the load hold it for good. */
const DRAIN_MS = 600_000;
/** What the stack may take after the load. */
const TARGET_MIB = 700;

export const memoryBenchmark: Benchmark = {
  name: 'memory',
  summary: 'memory of the default stack, ready and after 40,000 events, by process',
  async run(context) {
    const events = context.quick ? EVENTS / 10 : EVENTS;
    context.progress('memory: starting the stack');
    const { pid, client, stop } = await startDev(context, []);
    try {
      await sleep(SETTLE_MS);
      const ready = await processTree(pid);
      await sendAll(client, events, context);
      await untilDrained(client);
      await sleep(SETTLE_MS);
      const loaded = await processTree(pid);
      const total = sum(loaded.map(({ pssMiB }) => pssMiB));
      return {
        benchmark: 'memory',
        tables: [table(ready, loaded, events)],
        verdicts: [
          {
            target: `PSS after the load under ${TARGET_MIB} MiB`,
            found: `${Math.round(total)} MiB`,
            met: total < TARGET_MIB,
          },
        ],
      };
    } finally {
      await stop();
    }
  },
};

async function sendAll(client: StackClient, events: number, { progress }: Context): Promise<void> {
  const each = events / TENANTS.length;
  await Promise.all(
    TENANTS.map(async (name) => {
      const tenant = await tenantOf(client, name);
      const source = madeUp({ domain: telemetry, count: each, subjects: DEVICES, now: Date.now(), run: 'bench' });
      let batch: unknown[] = [];
      let sent = 0;
      for (const { event } of source) {
        batch.push(event);
        if (batch.length < BATCH) continue;
        await posted(() => tenant.post(batch));
        sent += batch.length;
        batch = [];
        if (sent % 2000 === 0) progress(`memory: ${sent} of ${each} events of ${name} accepted`);
      }
    }),
  );
}

/** A busy machine refuses some requests at first; a batch may be sent as often as it takes. */
async function posted(post: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await post();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await sleep(LOOK_EVERY_MS);
    }
  }
}

/** Waits until no queue has held anything twice in a row. */
async function untilDrained(client: StackClient): Promise<void> {
  const until = performance.now() + DRAIN_MS;
  for (let empty = 0; empty < 2; ) {
    await sleep(LOOK_EVERY_MS);
    if (performance.now() > until) throw new Error('The queues are not empty after the load.');
    const { cells } = await client.status();
    const backlog = sum(cells.flatMap(({ consumers }) => consumers.map((each) => each.backlog)));
    empty = backlog === 0 ? empty + 1 : 0;
  }
}

function table(ready: readonly ProcessUse[], loaded: readonly ProcessUse[], events: number): Table {
  const before = byPart(ready);
  const rows = [...byPart(loaded)].map(([part, { processes, pssMiB, rssMiB }]) => ({
    part,
    processes,
    ready: before.get(part)?.pssMiB ?? 0,
    pssMiB,
    rssMiB,
  }));
  const total = {
    part: 'all',
    processes: loaded.length,
    ready: sum(ready.map(({ pssMiB }) => pssMiB)),
    pssMiB: sum(loaded.map(({ pssMiB }) => pssMiB)),
    rssMiB: sum(loaded.map(({ rssMiB }) => rssMiB)),
  };
  return {
    title: `Three cells and the edge, ${events} events`,
    columns: [
      { key: 'part', title: '' },
      { key: 'processes', title: 'processes' },
      { key: 'ready', title: 'PSS MiB ready' },
      { key: 'pssMiB', title: 'PSS MiB loaded' },
      { key: 'rssMiB', title: 'RSS MiB loaded' },
    ],
    rows: [...rows.sort((a, b) => b.pssMiB - a.pssMiB), total],
    notes: [`RSS of all processes when ready: ${Math.round(sum(ready.map(({ rssMiB }) => rssMiB)))} MiB.`],
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
