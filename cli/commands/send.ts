// `polycell send`: posts events as a tenant and sums up what became of them.
import { access, constants } from 'node:fs/promises';
import { application } from '../../core/application.ts';
import type { Domain } from '../../core/domain/domain.ts';
import { CELL_HEADER } from '../../core/http/headers.ts';
import { sleep } from '../../hosts/processes/wait.ts';
import { type Command, required, UsageError, UserError, wholeNumber, YES_DESCRIPTION, YES_OPTION } from '../command.ts';
import { confirm } from '../edge/confirm.ts';
import { connect } from '../edge/connection.ts';
import { causeOf } from '../edge/edge-client.ts';
import { STANDARD_INPUT } from '../lines.ts';
import { Pacer, progressBar } from '../progress.ts';
import { type BadLine, fromFile, madeUp, type Outgoing } from '../samples.ts';
import { counted } from '../table.ts';

const LIMITS = { count: 100_000_000, subjects: 1_000_000, batch: 500, rate: 1_000_000, batchBytes: 1_000_000 } as const;

/** Maximum number of concurrent requests. */
const CONCURRENCY = 4;

/** Attempts of a request that cannot be accepted now; repeating it is harmless. */
const TRIES = 10;

/** Exit code after Ctrl-C, as in shells. */
const INTERRUPTED = 130;

/** Maximum number of problems shown individually; the rest is counted. */
const SHOWN = 20;

/** Latencies kept for the percentiles: a fair sample beyond that many requests. */
const SAMPLES = 10_000;

interface Totals {
  accepted: number;
  duplicates: number;
  rejected: number;
  /** Of those, events of a type that the stack's application does not have. */
  unknown: number;
  failed: number;
  requests: number;
  readonly latencies: number[];
  /** Requests by the cell that answered them. */
  readonly cells: Map<string, number>;
  /** The id of the newest accepted event. */
  newest?: unknown;
}

interface Result {
  readonly status: 'accepted' | 'duplicate' | 'rejected';
  readonly error?: { readonly code: string; readonly detail: string; readonly pointer?: string };
}

export const send: Command = {
  summary: 'post events, from a file or made up',
  usage: '--tenant T [--file FILE | --count N --devices D] [--batch B] [--rate R]',
  example: 'npx polycell send --tenant acme --count 10000 --devices 50 --batch 100',
  asks: 'edge',
  options: {
    tenant: { type: 'string' },
    file: { type: 'string' },
    count: { type: 'string' },
    domain: { type: 'string' },
    devices: { type: 'string' },
    rate: { type: 'string' },
    batch: { type: 'string' },
    cell: { type: 'string' },
    ...YES_OPTION,
  },
  describe: {
    '--tenant T': 'the tenant that sends',
    '--file FILE':
      'JSON Lines: CloudEvents, or readings with device, time, metric, value and optionally unit; - is standard input',
    '--count N': 'events to make up; 1 if not given',
    '--devices D': 'devices, or other subjects, that they come from; 1 if not given',
    '--domain NAME': 'the domain whose events are made up; the first of the application if not given',
    '--batch B': 'events in a request, 1 to 500; 1 if not given',
    '--rate R': 'events a second, at most; as fast as they are taken if not given',
    ...YES_DESCRIPTION,
    '--cell C': 'send to this cell directly, be it the tenant’s or not; through the edge if not given',
  },
  async run({ options, json, out, err }) {
    const tenant = required(options, 'tenant');
    const file = options.file as string | undefined;
    if (file !== undefined && (options.count !== undefined || options.devices !== undefined))
      throw new UsageError('Give either --file, or --count and --devices.');
    const count = wholeNumber(options, 'count', 1, 1, LIMITS.count);
    const subjects = wholeNumber(options, 'devices', 1, 1, LIMITS.subjects);
    const domain = domainNamed(options.domain as string | undefined);
    const batch = wholeNumber(options, 'batch', 1, 1, LIMITS.batch);
    const pacer = new Pacer(wholeNumber(options, 'rate', LIMITS.rate, 1, LIMITS.rate));
    if (file !== undefined && file !== STANDARD_INPUT) {
      await access(file, constants.R_OK).catch((error: unknown) => {
        throw unreadable(file, error);
      });
    }
    const connection = await connect(options);
    const cell = options.cell as string | undefined;
    const target = await connection.target(tenant, cell);
    const serving = cell === undefined ? null : await connection.stack?.servingCell(tenant);
    if (typeof serving === 'string' && serving !== cell) err(notAtHome(tenant, serving, cell));
    await confirm(connection, { options, err }, { name: tenant, missing: undefined });

    const began = performance.now();
    const totals: Totals = {
      accepted: 0,
      duplicates: 0,
      rejected: 0,
      unknown: 0,
      failed: 0,
      requests: 0,
      latencies: [],
      cells: new Map(),
    };
    const bar = progressBar(file === undefined ? count : undefined, json);
    let shown = 0;
    const complain = ({ line, reason }: BadLine) => {
      shown += 1;
      // The reason may quote the file, and a terminal would obey what is in there.
      const printable = reason.replace(/\p{Cc}/gu, '\ufffd');
      if (shown <= SHOWN) bar.say(`${file === undefined ? 'event' : 'line'} ${line}: ${printable}`);
      if (shown === SHOWN + 1) bar.say('… and more; they are counted below.');
    };

    // After Ctrl-C what is under way is waited for, and then summed up; a second one ends the process.
    const interrupted = new AbortController();
    process.once('SIGINT', () => interrupted.abort());

    let servedBy: string | undefined;
    const served = (cell: string) => {
      if (servedBy !== undefined && servedBy !== cell)
        bar.say(`${tenant} has moved: ${cell} serves it now, not ${servedBy}.`);
      servedBy = cell;
      totals.cells.set(cell, (totals.cells.get(cell) ?? 0) + 1);
    };

    const post = async (events: readonly Outgoing[]) => {
      const single = events.length === 1;
      const body = single
        ? JSON.stringify(events[0]?.event)
        : `[${events.map(({ event }) => JSON.stringify(event)).join(',')}]`;
      const type = single ? 'application/cloudevents+json' : 'application/cloudevents-batch+json';
      const asked = performance.now();
      const request = () =>
        target.call('ingest', '/v1/events', { method: 'POST', body, headers: { 'content-type': type } });
      const answer = await postOnce(request, interrupted.signal, served).catch((error: unknown) => {
        totals.failed += events.length;
        throw error;
      });
      totals.requests += 1;
      note(totals, performance.now() - asked);
      for (const [index, { line, event }] of events.entries()) {
        const result: Result | string =
          typeof answer === 'string' ? answer : (answer[index] ?? 'the answer has no result for it');
        if (typeof result === 'string') {
          totals.failed += 1;
          complain({ line, reason: result });
        } else if (result.status === 'rejected') {
          totals.rejected += 1;
          if (result.error?.code === 'unknown_type') totals.unknown += 1;
          complain({ line, reason: `${result.error?.code}: ${result.error?.detail}` });
        } else if (result.status === 'accepted') {
          totals.accepted += 1;
          totals.newest = event.id;
        } else totals.duplicates += 1;
      }
      bar.advance(events.length, totals);
    };

    const source =
      file === undefined
        ? madeUp({ domain, count, subjects, now: Date.now(), run: Math.random().toString(36).slice(2, 12) })
        : fromFile(file);
    const badLine = (bad: BadLine) => {
      totals.rejected += 1;
      complain(bad);
    };
    const failure = await inFlight(batches(source, batch, badLine), CONCURRENCY, interrupted.signal, async (events) => {
      await pacer.take(events.length, interrupted.signal);
      if (!interrupted.signal.aborted) await post(events);
    });
    bar.end();
    const seconds = (performance.now() - began) / 1000;
    // Nothing was sent, so there is nothing to sum up: why not is all there is to say.
    if (failure === undefined || totals.requests > 0) report(totals, seconds, json, out, err);
    if (totals.accepted === 1 && typeof totals.newest === 'string' && connection.stack !== undefined && !json)
      out(`See its way: npx polycell trace ${totals.newest}`);
    if (totals.unknown > 0 && totals.unknown === totals.rejected && totals.accepted + totals.duplicates === 0)
      err(
        'The application of the stack has no such event types. If the stack was started with POLYCELL_APPLICATION, set that for this command, too.',
      );
    if (failure !== undefined) throw file === undefined ? failure : unreadable(file, failure);
    if (interrupted.signal.aborted) return INTERRUPTED;
    return totals.rejected + totals.failed === 0 ? 0 : 1;
  },
};

/** Without an edge in between, a cell takes what a tenant's home would not see. */
const notAtHome = (tenant: string, serving: string, cell: string | undefined): string =>
  `${serving} serves ${tenant}, not ${cell}: the events are stored in ${cell} alone, and reads through the edge do not show them.`;

/** The domain of that name, or the first one of the application. */
function domainNamed(name: string | undefined): Domain {
  const domain = name === undefined ? application[0] : application.find((each) => each.name === name);
  if (domain !== undefined) return domain;
  const names = application.map((each) => each.name).join(', ');
  throw new UsageError(`There is no domain ${name ?? ''}. The application has: ${names}.`);
}

/** An error of the file system as one that a person can do something about; any other as it is. */
function unreadable(file: string, error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  const reasons: Readonly<Record<string, string>> = { ENOENT: 'it does not exist', EISDIR: 'it is a folder' };
  return new UserError(`The file ${file} cannot be read: ${reasons[code ?? ''] ?? message}.`);
}

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

/**
 * Works on items as they come, so many at a time, until they are at their end, `signal` aborts or work fails; then waits for
 * what is under way. Returns the first failure.
 */
async function inFlight<T>(
  items: AsyncGenerator<T>,
  limit: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<unknown> {
  const failures: unknown[] = [];
  const lane = async () => {
    while (!signal.aborted && failures.length === 0) {
      const next = await items.next();
      if (next.done) return;
      await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: limit }, () => lane().catch((error: unknown) => void failures.push(error))));
  return failures[0];
}

/** One request, repeated while the answer is that it cannot be taken now. A text is the reason why it failed. */
async function postOnce(
  request: () => Promise<Response>,
  signal: AbortSignal,
  served: (cell: string) => void,
): Promise<readonly Result[] | string> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await request();
    let body: { results?: Result[]; code?: string; detail?: string };
    try {
      body = (await response.json()) as typeof body;
    } catch (error) {
      return `the answer broke off: ${causeOf(error)}`;
    }
    if (body.results !== undefined) {
      const cell = response.headers.get(CELL_HEADER);
      // Without an edge in between there is no other cell.
      if (cell !== null) served(cell);
      return body.results;
    }
    const wait = Number(response.headers.get('retry-after') ?? Number.NaN);
    if ((response.status !== 503 && response.status !== 429) || attempt === TRIES || signal.aborted)
      return `${response.status} ${body.code ?? ''}: ${body.detail ?? 'no reason given'}`;
    await sleep(1000 * (wait > 0 && wait < 60 ? wait : 1), signal);
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
        cells: Object.fromEntries(totals.cells),
        newest: totals.newest ?? null,
        latencyMs,
      }),
    );
    return;
  }
  out(
    `${accepted} accepted, ${duplicates} duplicates, ${rejected} rejected${failed === 0 ? '' : `, ${failed} failed`} in ${seconds.toFixed(1)} s (${Math.round(sent / seconds)}/s)`,
  );
  if (requests === 0) return;
  out(
    `latency of ${counted(requests, 'request')}: p50 ${latencyMs.p50} ms, p95 ${latencyMs.p95} ms, p99 ${latencyMs.p99} ms`,
  );
  if (failed > 0) err('What failed may be sent again: what was stored already comes back as a duplicate.');
}
