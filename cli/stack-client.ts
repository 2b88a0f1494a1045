// How commands talk to a running stack: they find it by themselves, unless `--stack` says where it is.

import { runningStacks } from '../local/registry.ts';
import type { CellStatus, StackInfo } from '../local/stack.ts';
import { UsageError, UserError } from './command.ts';

/** Nothing of the stack takes longer to answer, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** Route tokens are asked for anew this long before they expire, in milliseconds. */
const TOKEN_LIFE_MS = 60_000;
const TOKEN_MARGIN_MS = 15_000;

export class StackClient {
  readonly #control: string;
  readonly #tokens = new Map<string, { token: string; until: number }>();

  private constructor(control: string) {
    this.#control = control;
  }

  /** Finds the stack: the one at `url` (of its edge, a cell or its control server), else the one started last. */
  static async find(url: string | undefined): Promise<StackClient> {
    const stacks = await runningStacks();
    if (url === undefined) {
      const newest = stacks[0];
      if (newest === undefined)
        throw new UserError('No stack is running here. Start one with `npm start`, or name one with --stack URL.');
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

  async status(): Promise<readonly CellStatus[]> {
    return (await this.#ask<{ cells: CellStatus[] }>('/status')).cells;
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

  /** A route token that is good for at least some seconds more. */
  async token(tenant: string, cell: string, scope: string): Promise<string> {
    const key = `${tenant} ${cell} ${scope}`;
    const known = this.#tokens.get(key);
    if (known !== undefined && known.until > Date.now()) return known.token;
    const until = Date.now() + TOKEN_LIFE_MS - TOKEN_MARGIN_MS;
    const token = await this.mint({ tenant, cell, scope });
    this.#tokens.set(key, { token, until });
    return token;
  }

  /** Asks for a fresh token. */
  async mint(query: Readonly<Record<string, string>>): Promise<string> {
    return (await this.#ask<{ token: string }>(`/token?${new URLSearchParams(query)}`, UsageError)).token;
  }

  /** Calls a cell's API for a tenant. */
  async call(
    cell: { id: string; url: string },
    tenant: string,
    scope: string,
    path: string,
    init: RequestInit = {},
  ): Promise<Response> {
    const headers = {
      ...(init.headers as Record<string, string> | undefined),
      'x-polycell-route': await this.token(tenant, cell.id, scope),
    };
    try {
      return await fetch(cell.url + path, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS * 4) });
    } catch (error) {
      throw new UserError(`The cell ${cell.id} at ${cell.url} does not answer: ${causeOf(error)}.`);
    }
  }

  /** `refusal`: what it is that the stack does not accept: without it nothing that was asked for is at fault. */
  async #ask<T>(path: string, refusal = UserError): Promise<T> {
    let response: Response;
    let body: T & { error?: string };
    try {
      response = await fetch(this.#control + path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      body = (await response.json()) as T & { error?: string };
    } catch (error) {
      throw new UserError(`No stack answers at ${this.#control}: ${causeOf(error)}. Start one with \`npm start\`.`);
    }
    if (response.status === 400 && body.error !== undefined) throw new refusal(body.error);
    if (!response.ok)
      throw new UserError(body.error ?? `The stack at ${this.#control} answered ${response.status}; is it one?`);
    return body;
  }
}

/** What a failed `fetch` was really about. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error ? ((error.cause as Error | undefined) ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  return (cause as NodeJS.ErrnoException).code ?? cause.message;
}
