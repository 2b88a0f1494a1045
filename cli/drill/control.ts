// The control API of the edge, as a drill needs it.
import type { MonitorStatus } from '../../core/edge/monitor/monitor.ts';
import type { Cell, Tenant } from '../../core/edge/ports/directory-model.ts';
import type { MoveAction, MoveView, Step } from '../../core/edge/ports/mover.ts';
import type { ReplicaNote } from '../../core/replication/notes.ts';
import type { PushProgress } from '../../core/replication/push.ts';
import { RefusedError, UserError } from '../command.ts';
import { causeOf } from '../edge/edge-client.ts';
import type { StackClient } from '../stack-client.ts';

/** The actor in the audit log. */
const ACTOR = 'drill';

/** The edge answers at once, but for the load that it is under. */
const TIMEOUT_MS = 15_000;

/** A look is taken again while the edge does not answer: a machine that has just lost and revived a cell can be busy for longer than a request takes. */
export const LOOKS = 4;

/** Operators' tokens live for minutes; one is used for this long, in milliseconds. */
const TOKEN_USE_MS = 60_000;

interface Problem {
  readonly code?: string;
  readonly detail?: string;
}

/** A step of a push from one cell of a tenant to the other; with `verify` it compares alone. */
export interface PushStep {
  readonly from: string;
  readonly restart: boolean;
  readonly verify: boolean;
}

/** The edge has not answered: what was asked of it may have happened. */
export class NoAnswerError extends UserError {}

export class EdgeControl {
  readonly #stack: Pick<StackClient, 'operatorToken'>;
  readonly #edge: string;
  readonly #fetch: typeof globalThis.fetch;
  #token: { readonly text: string; readonly until: number } | undefined;

  constructor(stack: Pick<StackClient, 'operatorToken'>, edge: string, fetch = globalThis.fetch) {
    this.#stack = stack;
    this.#edge = edge;
    this.#fetch = fetch;
  }

  async cells(): Promise<readonly Cell[]> {
    return (await this.#ask<{ items: readonly Cell[] }>('GET', 'cells')).items;
  }

  monitor(): Promise<MonitorStatus> {
    return this.#ask('GET', 'monitor');
  }

  /** The first thousand tenants by name. */
  async tenants(): Promise<readonly string[]> {
    return (await this.#ask<{ items: readonly Tenant[] }>('GET', 'tenants?limit=1000')).items.map(({ id }) => id);
  }

  /** The tenant's record. */
  tenant(id: string): Promise<Tenant> {
    return this.#ask('GET', `tenants/${id}`);
  }

  /** Ensures that a tenant exists with this home, and with this standby or one that the directory chooses. */
  async ensureTenant(id: string, cell: string, standby?: string): Promise<void> {
    const known = await this.#send('GET', `tenants/${id}`);
    if (known.status === 404) {
      await this.#ask('PUT', `tenants/${id}`, {
        residency: 'any',
        tier: 'standard',
        cell,
        ...(standby !== undefined && { standby }),
        reason: 'a drill sends load',
      });
      return;
    }
    const tenant = (await this.#read(known)) as Tenant;
    if (tenant.cell !== cell || (standby !== undefined && tenant.standby !== standby))
      await this.#ask('POST', `tenants/${id}/place`, {
        cell,
        ...(standby !== undefined && { standby }),
        reason: 'a drill needs the tenant there',
      });
  }

  /** Removes a tenant from the directory; its events stay in the cells. A missing one is not an error. */
  async removeTenant(id: string): Promise<void> {
    await this.#ask('DELETE', `tenants/${id}`, { keepData: true, reason: 'the drill is over' });
  }

  async setPolicy(cell: Cell, failover: Cell['failover']): Promise<void> {
    const { id, cloud, region, jurisdiction, endpoint, capacity, price } = cell;
    const definition = { cloud, region, jurisdiction, endpoint, capacity, price, failover };
    await this.#ask('PUT', `cells/${id}`, { ...definition, reason: 'a drill' });
  }

  /** Resolves with the directory's revision afterwards, or with what is known of events that are missing. */
  async failBack(cell: string, force = false): Promise<number | string> {
    try {
      const body = { reason: 'the drill is over', ...(force && { force }) };
      return (await this.#ask<{ revision: number }>('POST', `failovers/${cell}/back`, body)).revision;
    } catch (error) {
      if (error instanceof RefusedError && error.code === 'not_caught_up') return error.message;
      throw error;
    }
  }

  /** Fails a cell over, tenants without a standby that can serve them included. */
  async failOver(cell: string): Promise<void> {
    await this.#ask('POST', 'failovers', { cell, partial: true, reason: 'a drill' });
  }

  /** The moves that are kept. */
  async moves(): Promise<readonly MoveView[]> {
    return (await this.#ask<{ items: readonly MoveView[] }>('GET', 'moves')).items;
  }

  /** Orders a move; `pauseBefore` a step at which it waits to be resumed. */
  async move(tenant: string, to: string, pauseBefore?: Step): Promise<void> {
    const body = { to, reason: 'a drill', ...(pauseBefore !== undefined && { pauseBefore }) };
    await this.#ask('POST', `tenants/${tenant}/move`, body);
  }

  async changeMove(tenant: string, action: MoveAction): Promise<void> {
    await this.#ask('POST', `moves/${tenant}/${action}`, { reason: 'a drill' });
  }

  /** What a cell has noted of other cells, of all tenants. */
  async replicas(cell: string): Promise<readonly ReplicaNote[]> {
    const notes: ReplicaNote[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `?${new URLSearchParams({ cursor })}`;
      const page: { items: readonly ReplicaNote[]; next: string | null } = await this.#ask(
        'GET',
        `cells/${cell}/replicas${query}`,
      );
      notes.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    return notes;
  }

  /** One step of a push, or of a comparison. */
  push(tenant: string, { from, restart, verify }: PushStep): Promise<PushProgress> {
    const query = new URLSearchParams({ from, ...(restart && { restart: '1' }), ...(verify && { verify: '1' }) });
    return this.#ask('POST', `tenants/${tenant}/push?${query}`);
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    return (await this.#read(await this.#send(method, path, body))) as T;
  }

  async #read(response: Response): Promise<unknown> {
    const body: unknown = await response.json();
    if (response.ok) return body;
    const { code = '', detail = 'no reason given' } = body as Problem;
    throw new RefusedError(`The edge refuses this: ${response.status} ${code}: ${detail}`, code);
  }

  /** Repeats what changes nothing. */
  async #send(method: string, path: string, body?: object): Promise<Response> {
    for (let left = method === 'GET' ? LOOKS : 1; ; left -= 1) {
      const token = await this.#operatorToken();
      try {
        return await this.#fetch(`${this.#edge}/control/v1/${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
      } catch (error) {
        if (left === 1) throw new NoAnswerError(`The edge at ${this.#edge} does not answer: ${causeOf(error)}.`);
      }
    }
  }

  async #operatorToken(): Promise<string> {
    if (this.#token === undefined || this.#token.until < performance.now())
      this.#token = { text: await this.#stack.operatorToken(ACTOR), until: performance.now() + TOKEN_USE_MS };
    return this.#token.text;
  }
}
