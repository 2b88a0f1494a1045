// How commands talk to a running stack: they find the one started last, unless `--stack` names another.

import type { Administrator } from '../local/drill-orders.ts';
import { type RunningStack, runningStacks } from '../local/registry.ts';
import type { StackInfo, StackStatus } from '../local/stack.ts';
import type { WayStep } from '../local/telemetry/event-way.ts';
import type { Line } from '../local/telemetry/line-ring.ts';
import { UsageError, UserError } from './command.ts';
import { type Control, causeOf, controlOf, headersOf, reach, type Target, tenantTarget } from './edge/edge-client.ts';

/** Timeout of requests to the stack's control server, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** Lifetimes of the requested tokens. */
const ROUTE_TOKEN_SECONDS = 60;
const TENANT_TOKEN_SECONDS = 600;
const OPERATOR_TOKEN_SECONDS = 300;

/** Tokens are renewed this long before they expire, in milliseconds. */
const TOKEN_MARGIN_MS = 15_000;

export interface DeviceCertificate {
  /** All in PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
  /** The address that accepts it. */
  readonly url: string;
}

export class StackClient {
  readonly #control: string;
  readonly #tokens = new Map<string, { token: Promise<string>; until: number }>();

  private constructor(control: string) {
    this.#control = control;
  }

  /**
   * Finds the stack: the one at `url` (of its edge, a cell or its control server), else the one started last. If several run,
   * says on `err` which one it is and how to choose another.
   */
  static async find(url: string | undefined, err: (line: string) => void = toStandardError): Promise<StackClient> {
    const stacks = await runningStacks();
    if (url === undefined) {
      const newest = stacks[0];
      if (newest === undefined)
        throw new UserError('No stack is running here. Start one with `npm start`, or name one with --stack URL.');
      if (stacks.length > 1) err(choiceOf(newest, stacks.slice(1)));
      return new StackClient(newest.control);
    }
    const bare = url.replace(/\/+$/, '').replace('//localhost', '//127.0.0.1');
    if (!/^https?:\/\/[^/]+$/.test(bare))
      throw new UsageError(`--stack must be an address such as http://127.0.0.1:8080, not ${JSON.stringify(url)}.`);
    return new StackClient(stacks.find((stack) => stack.urls.includes(bare))?.control ?? bare);
  }

  info(): Promise<StackInfo> {
    return this.#ask('/stack');
  }

  status(): Promise<StackStatus> {
    return this.#ask<StackStatus>('/status');
  }

  /** The way of an event, and the share of traces that the stack samples. */
  trace(event: string): Promise<{ readonly way: readonly WayStep[]; readonly share: number }> {
    return this.#ask(`/trace?${new URLSearchParams({ event })}`);
  }

  /** The lines behind one; with `wait`, once there are any, or none after some seconds. */
  lines(after: number, wait: boolean): Promise<{ readonly lines: readonly Line[]; readonly last: number }> {
    return this.#ask(`/lines?after=${after}${wait ? '&wait' : ''}`);
  }

  /** The cell of this id, or the first one. */
  async cell(id: string | undefined): Promise<StackInfo['cells'][number]> {
    const { cells } = await this.info();
    const cell = id === undefined ? cells[0] : cells.find((candidate) => candidate.id === id);
    if (cell === undefined)
      throw new UserError(
        `No cell ${JSON.stringify(id ?? '')} runs; there are ${cells.map((each) => each.id).join(', ')}.`,
      );
    return cell;
  }

  /** Where a tenant's requests go: to the edge, as a client's would, unless a cell is named or there is no edge. */
  async target(tenant: string, cell: string | undefined): Promise<Target> {
    const { edge } = await this.info();
    if (cell !== undefined || edge === null) return this.#cellTarget(tenant, await this.cell(cell));
    return tenantTarget({
      tenant,
      edge: edge.url,
      token: (scope) =>
        this.#remembered(`edge ${tenant} ${scope}`, TENANT_TOKEN_SECONDS, () =>
          this.tenantToken(tenant, scope, TENANT_TOKEN_SECONDS),
        ),
      control: () => this.control(),
    });
  }

  /** The cell that serves a tenant now; `null` if there is none, or no directory that can say so. */
  async servingCell(tenant: string): Promise<string | null> {
    if ((await this.info()).edge === null) return null;
    const control = await this.control();
    try {
      const { resolution } = await control('GET', `tenants/${tenant}`);
      return resolution.status === 'served' ? resolution.cell : null;
    } catch (error) {
      if (error instanceof UserError) return null;
      throw error;
    }
  }

  #cellTarget(tenant: string, cell: { id: string; url: string }): Target {
    return {
      name: `the cell ${cell.id}`,
      call: async (scope, path, init = {}) => {
        const token = await this.#remembered(`${cell.id} ${tenant} ${scope}`, ROUTE_TOKEN_SECONDS, () =>
          this.mint({ tenant, cell: cell.id, scope }),
        );
        const request = { ...init, headers: { ...headersOf(init), 'x-polycell-route': token } };
        return reach(`The cell ${cell.id} at ${cell.url}`, cell.url + path, request);
      },
    };
  }

  /** The directory's control plane at the edge, as the developer. */
  async control(): Promise<Control> {
    const { edge } = await this.info();
    if (edge === null) throw new UserError('This stack has no edge, so there is no directory to ask.');
    return controlOf(edge.url, () =>
      this.#remembered('operator', OPERATOR_TOKEN_SECONDS, () => this.operatorToken(process.env.USER ?? 'developer')),
    );
  }

  /** Requests a new route token. */
  async mint(query: Readonly<Record<string, string>>): Promise<string> {
    return (await this.#ask<{ token: string }>(`/token?${new URLSearchParams(query)}`, UsageError)).token;
  }

  /** A token that authenticates a tenant's client at the edge. */
  async tenantToken(tenant: string, scope?: string, ttl?: number | string): Promise<string> {
    const query = new URLSearchParams({
      tenant,
      ...(scope !== undefined && { scope }),
      ...(ttl !== undefined && { ttl: String(ttl) }),
    });
    return (await this.#ask<{ token: string }>(`/tenant-token?${query}`, UsageError)).token;
  }

  /** A token that authenticates an operator at the edge; valid for minutes. */
  async operatorToken(subject: string): Promise<string> {
    return (await this.#ask<{ token: string }>(`/operator-token?${new URLSearchParams({ subject })}`)).token;
  }

  /** Sends an order to the stack, such as to crash or revive a cell, or to break connections of the edge. */
  async order(path: string, body: object = {}): Promise<void> {
    await this.#ask(path, UserError, { method: 'POST', body: JSON.stringify(body) });
  }

  /** Removes a tenant's events of a subject from a cell's store, as a person with access to it would; resolves with their number. */
  async loseEvents(cell: string, tenant: string, subject: string): Promise<number> {
    const query = new URLSearchParams({ cell, tenant, subject });
    const post = { method: 'POST', body: '{}' };
    return (await this.#ask<{ deleted: number }>(`/lose-events?${query}`, UserError, post)).deleted;
  }

  /** Has a cell take a tenant's other cell for away for longer than it is patient; `false` while it has not found it away. */
  async ageOutage(cell: string, tenant: string, peer: string): Promise<boolean> {
    const query = new URLSearchParams({ cell, tenant, peer });
    const post = { method: 'POST', body: '{}' };
    return (await this.#ask<{ aged: boolean }>(`/age-outage?${query}`, UserError, post)).aged;
  }

  /** What an administrator of a cell has in hand against a tenant's other cell. */
  administrator(cell: string, tenant: string): Promise<Administrator> {
    return this.#ask(`/administrator?${new URLSearchParams({ cell, tenant })}`);
  }

  /** Drops cached tokens: tenants may have been reassigned. */
  forgetTokens(): void {
    this.#tokens.clear();
  }

  /** Requests a device certificate. */
  deviceCertificate(tenant: string, device: string): Promise<DeviceCertificate> {
    return this.#ask<DeviceCertificate>(`/device-certificate?${new URLSearchParams({ tenant, device })}`, UsageError);
  }

  /** A token that is valid for at least some more seconds. Concurrent callers share one. */
  async #remembered(key: string, lifeSeconds: number, mint: () => Promise<string>): Promise<string> {
    const known = this.#tokens.get(key);
    if (known !== undefined && known.until > Date.now()) return known.token;
    const token = mint();
    this.#tokens.set(key, { token, until: Date.now() + lifeSeconds * 1000 - TOKEN_MARGIN_MS });
    token.catch(() => this.#tokens.delete(key));
    return token;
  }

  /** `refusal`: the error for a request that the stack does not accept. */
  async #ask<T>(path: string, refusal = UserError, init: RequestInit = {}): Promise<T> {
    let response: Response;
    let body: T & { error?: string };
    try {
      response = await fetch(this.#control + path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
      body = (await response.json()) as T & { error?: string };
    } catch (error) {
      throw new UserError(`No stack answers at ${this.#control}: ${causeOf(error)}. Start one with \`npm start\`.`);
    }
    if (response.status === 400 && body.error !== undefined) throw new refusal(body.error);
    if (!response.ok)
      throw new UserError(
        body.error ?? `${this.#control} answered ${response.status}; check that it is a Polycell stack.`,
      );
    return body;
  }
}

const toStandardError = (line: string) => void process.stderr.write(`${line}\n`);

/** The address of a stack, as shown to the user: its edge, or its first cell. */
const addressOf = ({ urls, control }: RunningStack): string => urls[0] ?? control;

/** Which of several stacks is used, and how to choose another one. */
export function choiceOf(newest: RunningStack, others: readonly RunningStack[]): string {
  const shown = others.slice(0, SHOWN_STACKS).map((stack) => `--stack ${addressOf(stack)}`);
  const more = others.length > SHOWN_STACKS ? ', …' : '';
  return `${others.length + 1} stacks are running; using the newest, ${addressOf(newest)}. For another one: ${shown.join(', ')}${more}.`;
}

/** Other stacks that are named when several run. */
const SHOWN_STACKS = 5;
