// Plays a recorded day against one cell and keeps every answer.
import { CellClient } from '../support/cell-client.ts';
import type { CellHarness } from '../support/cell-harness.ts';
import { eventually } from '../support/eventually.ts';
import type { Caller, Deed, RequestStep, Step } from './recording.ts';
import { ask } from './recording.ts';
import { send, type WireAnswer } from './wire.ts';

/** An answer and the request that it is for. */
export interface Played {
  readonly group: string;
  readonly name: string;
  /** 1 for the first page, and for what has no pages. */
  readonly page: number;
  readonly answer: WireAnswer;
}

/** Pages that a listing may have before the player takes it for endless. */
const PAGES = 200;

/** Times that a patient client repeats its request. */
const TRIES = 60;

export class Player {
  readonly #cell: CellHarness;
  readonly #remembered = new Map<string, unknown>();

  constructor(cell: CellHarness) {
    this.#cell = cell;
  }

  /** Plays one step. Resolves with its answers: one for each page. */
  async play(step: Step): Promise<Played[]> {
    if (step.kind === 'request') return this.#ask(step);
    if (step.kind === 'deed') await this.#do(step.deed);
    else await this.#settle(step.tenant, step.readings, step.parked);
    return [];
  }

  /** Everything that the cell can show of a tenant. */
  async state(tenant: string): Promise<Played[]> {
    const caller: Caller = { tenant, epoch: 99 };
    const look = (path: string, name: string) =>
      this.#ask(ask('final state', caller, 'GET', path, { name: `${tenant}: ${name}`, pages: true }));
    const devices = await look('/v1/devices?limit=1000', 'devices');
    const played = [...devices, ...(await look('/v1/parked?limit=1000', 'parked'))];
    for (const { id } of devices.flatMap(
      ({ answer }) => (JSON.parse(answer.body) as { items: { id: string }[] }).items,
    )) {
      played.push(...(await look(`/v1/devices/${id}/readings?limit=1000`, `readings of ${id}`)));
      for (const window of ['1m', '1h', '1d'])
        played.push(...(await look(`/v1/devices/${id}/rollups?window=${window}&limit=1000`, `${window} of ${id}`)));
    }
    return played;
  }

  async #ask(step: RequestStep): Promise<Played[]> {
    const played: Played[] = [];
    let path = this.#filled(step.path);
    for (let page = 1; page <= PAGES; page += 1) {
      const answer = await this.#once(step, path);
      played.push({ group: step.group, name: step.name, page, answer });
      if (page === 1 && step.remember !== undefined) this.#remembered.set(step.remember, JSON.parse(answer.body));
      const next =
        step.pages && answer.status === 200 ? (JSON.parse(answer.body) as { next: string | null }).next : null;
      if (next === null) return played;
      const first = this.#filled(step.path);
      path = `${first}${first.includes('?') ? '&' : '?'}cursor=${next}`;
    }
    throw new Error(`${step.name} has more than ${PAGES} pages.`);
  }

  async #once(step: RequestStep, path: string): Promise<WireAnswer> {
    const { caller, method, headers, body, chunked, patient } = step;
    for (let tries = 1; ; tries += 1) {
      const token = caller === null ? {} : { 'x-polycell-route': await this.#cell.token(caller.tenant, caller) };
      const filled = typeof body === 'string' ? this.#filled(body) : body;
      const answer = await send(this.#cell.url, {
        method,
        path,
        headers: { ...token, ...headers },
        body: filled,
        chunked,
      });
      if (!patient || answer.status !== 503) return answer;
      if (tries === TRIES) throw new Error(`${step.name} was answered with 503 ${TRIES} times.`);
    }
  }

  #filled(text: string): string {
    return text.replace(/\{([a-z]+)\.([\w.]+)\}/g, (_all, name: string, path: string) => {
      let value = this.#remembered.get(name);
      for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
      if (typeof value !== 'string') throw new Error(`The remembered answer ${name} has no ${path}.`);
      return value;
    });
  }

  async #settle(tenant: string, readings: number, parked: number): Promise<void> {
    const client = new CellClient(this.#cell, tenant);
    await client.settled(readings);
    await eventually(async () => {
      const found = (await client.all('/v1/parked')).length;
      if (found !== parked)
        throw new Error(`${found} events of ${tenant} are parked at ${this.#cell.id}, not ${parked}.`);
    });
  }

  async #do(what: Deed): Promise<void> {
    const { store, bus } = this.#cell;
    const deeds: Record<Deed, () => unknown> = {
      'release healthy': () => this.#cell.release('healthy'),
      'release faulty': () => this.#cell.release('faulty'),
      'kill workers': () => this.#cell.killWorkers(),
      'store throttles': () => store.throttle(12),
      'store fails some entries': () => store.failSomeEntries(2),
      'store goes down': () => store.goDown(),
      'store comes up': () => store.comeUp(),
      'bus throttles': () => bus.throttle(3),
      'bus goes down': () => bus.goDown(),
      'bus comes up': () => bus.comeUp(),
    };
    await deeds[what]();
  }
}
