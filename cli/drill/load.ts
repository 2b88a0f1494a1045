// A load that keeps its rate whatever becomes of its requests, and remembers what was acknowledged.

import type { Domain } from '../../core/domain/domain.ts';
import { sleep } from '../../hosts/processes/wait.ts';
import { causeOf } from '../edge/edge-client.ts';
import type { Ledger } from './ledger.ts';
import { isSuccess, type Phase, type Served } from './service.ts';

export const LOAD_LIMITS = {
  /** Requests under way at once; what would be more is not sent, and counted as that. */
  inFlight: 3000,
  /** A request that has not been answered by then has failed, in milliseconds. */
  timeoutMs: 15_000,
  /** The generator looks at the clock so often, in milliseconds. */
  tickMs: 5,
} as const;

export interface LoadOptions {
  /** Address of the edge. */
  readonly edge: string;
  /** Events a second. */
  readonly rate: number;
  /** Events in a request; all of them are one tenant's. */
  readonly batch: number;
  /** Tenants with their tokens; they take turns. */
  readonly tenants: readonly { readonly id: string; readonly token: string }[];
  /** Distinguishes this drill's events from those of all others. */
  readonly run: string;
  /** Events at most. */
  readonly events: number;
  /** Whose samples are sent. */
  readonly domain: Domain;
  readonly ledger: Ledger;
  readonly onServed: (served: Served) => void;
}

/** The subject of all events of a run. */
export const subjectOf = (run: string): string => `drill-${run}`;

export const sourceOf = (run: string): string => `urn:polycell:drill:${run}`;

/** The number of an event of the run, from its id and source. */
export function numberOf(run: string, { id, source }: { id: string; source: string }): number | undefined {
  const match = source === sourceOf(run) ? /^e(\d{1,7})$/.exec(id) : null;
  return match === null ? undefined : Number(match[1]);
}

export class Load {
  readonly #options: LoadOptions;
  readonly #startedAt = performance.now();
  readonly #startedOn = Date.now();
  readonly #underWay = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #sent = 0;
  #unsent = 0;
  phase: Phase = 'before';

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Milliseconds since the load began. */
  get elapsed(): number {
    return performance.now() - this.#startedAt;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Requests that were due and not sent, because too many requests were under way. */
  get unsent(): number {
    return this.#unsent;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Sends nothing more, and resolves when all that was sent has come to its end. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#underWay);
  }

  async #run(): Promise<void> {
    const { rate, batch, events } = this.#options;
    const { signal } = this.#stop;
    const requests = Math.floor(events / batch);
    let next = 0;
    while (!signal.aborted && next < requests) {
      // By the clock and not by the answers: an edge that slows down is asked as often as before.
      const due = Math.min(requests, Math.floor((this.elapsed * rate) / 1000 / batch));
      for (; next < due && !signal.aborted; next += 1) {
        if (this.#underWay.size >= LOAD_LIMITS.inFlight) {
          this.#unsent += 1;
          continue;
        }
        const request = this.#send(next).finally(() => this.#underWay.delete(request));
        this.#underWay.add(request);
      }
      await sleep(LOAD_LIMITS.tickMs, signal);
    }
  }

  #event(number: number) {
    const { rate, run, domain } = this.#options;
    const { type, data } = domain.sample(0, number);
    return {
      specversion: '1.0',
      type,
      source: sourceOf(run),
      id: `e${number}`,
      subject: subjectOf(run),
      time: new Date(this.#startedOn + Math.floor((number * 1000) / rate)).toISOString(),
      data,
    };
  }

  async #send(request: number): Promise<void> {
    const { edge, batch, tenants, ledger, onServed } = this.#options;
    const tenant = tenants[request % tenants.length];
    if (tenant === undefined) return;
    const numbers = Array.from({ length: batch }, (_, index) => request * batch + index);
    this.#sent += batch;
    const { phase } = this;
    const sentAt = this.elapsed;
    let status: number | string;
    let cell: string | null = null;
    try {
      const response = await fetch(`${edge}/v1/events`, {
        method: 'POST',
        body: JSON.stringify(numbers.map((number) => this.#event(number))),
        headers: { 'content-type': 'application/cloudevents-batch+json', authorization: `Bearer ${tenant.token}` },
        signal: AbortSignal.timeout(LOAD_LIMITS.timeoutMs),
      });
      cell = response.headers.get('x-polycell-cell');
      const body = await response.text();
      status = response.status;
      // An answer is an acknowledgement once all of it is here.
      if (isSuccess(status)) for (const number of numbers) ledger.acknowledge(number, cell ?? '');
      else status = `${status} ${codeOf(body)}`.trim();
    } catch (error) {
      status = error instanceof Error && error.name === 'TimeoutError' ? 'timeout' : causeOf(error);
    }
    onServed({ tenant: tenant.id, phase, sentAt, endedAt: this.elapsed, status, cell });
  }
}

function codeOf(body: string): string {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return '';
    throw error;
  }
}
