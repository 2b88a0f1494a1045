// `polycell send`: posts readings to a tenant's cell and sums up what became of them.
import { access, constants } from 'node:fs/promises';
import { type Command, required, UserError, wholeNumber } from '../command.ts';
import { Pacer, progressBar } from '../progress.ts';
import { type BadLine, fromFile, madeUp, type Outgoing } from '../readings.ts';
import { StackClient } from '../stack-client.ts';

const LIMITS = { count: 100_000_000, devices: 1_000_000, batch: 500, rate: 1_000_000, batchBytes: 1_000_000 } as const;

/** Requests under way at once. */
const CONCURRENCY = 4;

/** A cell that cannot take a request now is asked again this often; a repetition is harmless. */
const TRIES = 10;

/** Problems shown one by one; the rest is counted. */
const SHOWN = 20;

/** Latencies kept for the percentiles: a fair sample beyond that many requests. */
const SAMPLES = 10_000;

interface Totals {
  accepted: number;
  duplicates: number;
  rejected: number;
  failed: number;
  requests: number;
  readonly latencies: number[];
}

interface Result {
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  readonly error?: { readonly code: string; readonly detail: string; readonly pointer?: string };
}

export const send: Command = {
  summary: 'post readings, from a file or made up',
  usage: '--tenant T [--file FILE | --count N --devices D] [--batch B] [--rate R]',
  example: 'npx polycell send --tenant acme --count 10000 --devices 50 --batch 100',
  options: {
    tenant: { type: 'string' },
    file: { type: 'string' },
    count: { type: 'string' },
    devices: { type: 'string' },
    rate: { type: 'string' },
    batch: { type: 'string' },
    cell: { type: 'string' },
    stack: { type: 'string' },
  },
  describe: {
    '--tenant T': 'the tenant that sends',
    '--file FILE': 'JSON Lines: CloudEvents, or readings with device, time, metric, value and perhaps unit',
    '--count N': 'readings to make up; 1 if not given',
    '--devices D': 'devices they come from; 1 if not given',
    '--batch B': 'events in a request, 1 to 500; 1 if not given',
    '--rate R': 'events a second, at most; as fast as the cell takes them if not given',
    '--cell C': 'the cell to send to; the first one if not given',
    '--stack URL': 'the stack to use, if not the one started last',
  },
  async run({ options, json, out, err }) {
    const tenant = required(options, 'tenant');
    const file = options.file as string | undefined;
    if (file !== undefined && (options.count !== undefined || options.devices !== undefined))
      throw new UserError('Give either --file, or --count and --devices.');
    const count = wholeNumber(options, 'count', 1, 1, LIMITS.count);
    const devices = wholeNumber(options, 'devices', 1, 1, LIMITS.devices);
    const batch = wholeNumber(options, 'batch', 1, 1, LIMITS.batch);
    const pacer = new Pacer(wholeNumber(options, 'rate', LIMITS.rate, 1, LIMITS.rate));
    if (file !== undefined) {
      await access(file, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
        throw new UserError(
          `The file ${file} cannot be read: ${error.code === 'ENOENT' ? 'there is none' : error.message}.`,
        );
      });
    }
    const stack = await StackClient.find(options.stack as string | undefined);
    const cell = await stack.cell(options.cell as string | undefined);

    const began = performance.now();
    const totals: Totals = { accepted: 0, duplicates: 0, rejected: 0, failed: 0, requests: 0, latencies: [] };
    const bar = progressBar(file === undefined ? count : undefined, json);
    let shown = 0;
    const complain = ({ line, reason }: BadLine) => {
      shown += 1;
      if (shown <= SHOWN) bar.say(`${file === undefined ? 'event' : 'line'} ${line}: ${reason}`);
      if (shown === SHOWN + 1) bar.say('… and more; they are counted below.');
    };

    const post = async (events: readonly Outgoing[]) => {
      const single = events.length === 1;
      const body = single
        ? JSON.stringify(events[0]?.event)
        : `[${events.map(({ event }) => JSON.stringify(event)).join(',')}]`;
      const type = single ? 'application/cloudevents+json' : 'application/cloudevents-batch+json';
      const asked = performance.now();
      const answer = await postOnce(() =>
        stack.call(cell, tenant, 'ingest', '/v1/events', { method: 'POST', body, headers: { 'content-type': type } }),
      );
      totals.requests += 1;
      note(totals, performance.now() - asked);
      for (const [index, { line }] of events.entries()) {
        const result: Result | string =
          typeof answer === 'string' ? answer : (answer[index] ?? 'the cell did not say what became of it');
        if (typeof result === 'string') {
          totals.failed += 1;
          complain({ line, reason: result });
        } else if (result.status === 'rejected') {
          totals.rejected += 1;
          complain({ line, reason: `${result.error?.code}: ${result.error?.detail}` });
        } else if (result.status === 'accepted') totals.accepted += 1;
        else totals.duplicates += 1;
      }
      bar.advance(events.length, totals);
    };

    const source =
      file === undefined
        ? madeUp({ count, devices, now: Date.now(), run: Math.random().toString(36).slice(2, 12) })
        : fromFile(file);
    const badLine = (bad: BadLine) => {
      totals.rejected += 1;
      complain(bad);
    };
    try {
      await inFlight(batches(source, batch, badLine), CONCURRENCY, async (events) => {
        await pacer.take(events.length);
        await post(events);
      });
    } finally {
      bar.end();
    }
    const seconds = (performance.now() - began) / 1000;
    report(totals, seconds, json, out, err);
    return totals.rejected + totals.failed === 0 ? 0 : 1;
  },
};

/** Cuts the events into requests: by number, and by size, as a request holds 1 MiB. */
async function* batches(
  source: Iterable<Outgoing> | AsyncIterable<Outgoing | BadLine>,
  size: number,
  badLine: (bad: BadLine) => void,
): AsyncGenerator<Outgoing[]> {
  let events: Outgoing[] = [];
  let bytes = 0;
  for await (const each of source) {
    if ('reason' in each) {
      badLine(each);
      continue;
    }
    const length = Buffer.byteLength(JSON.stringify(each.event)) + 1;
    if (events.length === size || (events.length > 0 && bytes + length > LIMITS.batchBytes)) {
      yield events;
      events = [];
      bytes = 0;
    }
    events.push(each);
    bytes += length;
  }
  if (events.length > 0) yield events;
}

/** Works on items as they come, so many at a time. */
async function inFlight<T>(items: AsyncGenerator<T>, limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const lane = async () => {
    for (let next = await items.next(); !next.done; next = await items.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}

/** One request, repeated while the cell says that it cannot take it now. A text tells why nothing came of it. */
async function postOnce(request: () => Promise<Response>): Promise<readonly Result[] | string> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await request();
    const body = (await response.json()) as { results?: Result[]; code?: string; detail?: string };
    if (body.results !== undefined) return body.results;
    const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
    if ((response.status !== 503 && response.status !== 429) || attempt === TRIES)
      return `${response.status} ${body.code ?? ''}: ${body.detail ?? 'no reason given'}`;
    await new Promise((resolve) => setTimeout(resolve, 1000 * (wait > 0 && wait < 60 ? wait : 1)));
  }
}

/** Keeps a fair sample of latencies (reservoir sampling), however many requests there are. */
function note(totals: Totals, latency: number): void {
  const { latencies, requests } = totals;
  if (latencies.length < SAMPLES) latencies.push(latency);
  else {
    const slot = Math.floor(Math.random() * requests);
    if (slot < SAMPLES) latencies[slot] = latency;
  }
}

function report(
  totals: Totals,
  seconds: number,
  json: boolean,
  out: (line: string) => void,
  err: (line: string) => void,
): void {
  const sorted = [...totals.latencies].sort((a, b) => a - b);
  const percentile = (share: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
  const latencyMs = { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) };
  const { accepted, duplicates, rejected, failed, requests } = totals;
  const sent = accepted + duplicates + rejected + failed;
  if (json) {
    out(
      JSON.stringify({
        accepted,
        duplicates,
        rejected,
        failed,
        requests,
        seconds: Math.round(seconds * 1000) / 1000,
        latencyMs,
      }),
    );
    return;
  }
  out(
    `${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected${failed === 0 ? '' : `, ${failed} failed`} in ${seconds.toFixed(1)} s (${Math.round(sent / seconds)}/s)`,
  );
  out(`latency of ${requests} requests: p50 ${latencyMs.p50} ms, p95 ${latencyMs.p95} ms, p99 ${latencyMs.p99} ms`);
  if (failed > 0) err('What failed may be sent again: what was stored already comes back as a duplicate.');
}
