// A tenant's client of one cell, as the end-to-end suites use it.
import type { ServedCell, TokenOptions } from './cell-harness.ts';
import { conforming } from './conformity.ts';
import { eventually } from './eventually.ts';
import { asEvent, type TestReading } from './readings.ts';

export interface IngestAnswer {
  readonly status: number;
  readonly body: {
    readonly accepted: number;
    readonly duplicates: number;
    readonly rejected: number;
    readonly results: readonly {
      readonly id: string | null;
      readonly status: string;
      readonly error?: { readonly code: string };
    }[];
    readonly code?: string;
  };
}

export interface Device {
  readonly id: string;
  readonly readings: number;
  readonly lastSeen?: string;
  readonly metrics: Readonly<Record<string, { readonly value: number; readonly unit?: string; readonly time: string }>>;
}

export interface Rollup {
  readonly metric: string;
  readonly start: string;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly last: number;
}

/** Requests that a test may spend on one batch while a service is down. */
const TRIES = 60;

/** A delivery that has failed stays hidden until its worker would have been ended, and may fail again: several times that, in milliseconds. */
const SETTLED_WITHIN_MS = 240_000;

export class CellClient {
  readonly #cell: ServedCell;
  readonly #tenant: string;

  constructor(cell: ServedCell, tenant: string) {
    this.#cell = cell;
    this.#tenant = tenant;
  }

  /** Any request; the token can be changed or left out. Rejects for an answer that contradicts the OpenAPI document. */
  async request(path: string, init: RequestInit = {}, token: TokenOptions | null = {}): Promise<Response> {
    const route = token === null ? {} : { 'x-polycell-route': await this.#cell.token(this.#tenant, token) };
    const url = this.#cell.url + path;
    const headers = { ...route, ...(init.headers as Record<string, string>) };
    return conforming(url, init, await fetch(url, { ...init, headers }));
  }

  /** Posts readings as one batch, once. */
  async post(readings: readonly TestReading[]): Promise<IngestAnswer> {
    const response = await this.request('/v1/events', {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(readings.map(asEvent)),
    });
    const { status } = response;
    const text = await response.text();
    try {
      return { status, body: JSON.parse(text) as IngestAnswer['body'] };
    } catch {
      throw new Error(`The cell answered ${status} with ${JSON.stringify(text.slice(0, 200))} in place of JSON.`);
    }
  }

  /** Posts readings as a patient client does: again, while the cell says that it cannot take them now. */
  async postUntilTaken(readings: readonly TestReading[]): Promise<IngestAnswer['body']> {
    return (await this.#postUntilTaken(readings)).body;
  }

  /**
   * How many of new readings a cell has taken, by one request or by several: on a slow machine the store's answer may not have come
   * in time, and what it had stored all the same is a duplicate of the repetition.
   */
  async postNew(readings: readonly TestReading[]): Promise<number> {
    const { body, tries } = await this.#postUntilTaken(readings);
    return body.accepted + (tries === 1 ? 0 : body.duplicates);
  }

  async #postUntilTaken(readings: readonly TestReading[]): Promise<IngestAnswer & { tries: number }> {
    for (let tries = 1; ; tries += 1) {
      const { status, body } = await this.post(readings);
      if (status === 202) return { status, body, tries };
      if (status !== 503 || tries === TRIES) throw new Error(`The cell answered ${status}: ${JSON.stringify(body)}`);
    }
  }

  async get<T>(path: string): Promise<T> {
    let response = await this.request(path);
    for (let tries = 1; response.status === 503 && tries < TRIES; tries += 1) response = await this.request(path);
    if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** All items of a listing. */
  async all<T>(path: string, limit = 1000): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `${path.includes('?') ? '&' : '?'}limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`;
      const page: { items: T[]; next: string | null } = await this.get(path + query);
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    return items;
  }

  /** Resolves once both consumers have applied every one of the tenant's readings: exactly `count` of them. */
  async settled(count: number): Promise<Device[]> {
    return eventually(async () => {
      const devices = await this.all<Device>('/v1/devices');
      const counted = devices.reduce((sum, { readings }) => sum + readings, 0);
      const rolled = await Promise.all(
        devices.map(({ id }) => this.all<Rollup>(`/v1/devices/${id}/rollups?window=1d`)),
      );
      const summed = rolled.flat().reduce((sum, rollup) => sum + rollup.count, 0);
      if (counted !== count || summed !== count)
        throw new Error(`${counted} readings are in device states and ${summed} in rollups, not ${count}.`);
      return devices;
    }, SETTLED_WITHIN_MS);
  }
}
