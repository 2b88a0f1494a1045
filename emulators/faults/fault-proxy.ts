// An HTTP reverse proxy before an emulator that fails on command, so that real SDKs meet every kind of fault.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export const PROXY_LIMITS = {
  /** The newest calls, which are kept for tests to look at. */
  calls: 10_000,
  /** Characters of their bodies together. An hour of load would be gigabytes of them. */
  characters: 16 * 1024 * 1024,
} as const;

/** A call as the proxy saw it. */
export interface ProxiedCall {
  /** `PutItem`, `PublishBatch` …, or method and path where the protocol names no operation. */
  operation: string;
  body: string;
  headers: http.IncomingHttpHeaders;
}

export interface ProxiedResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type Fault =
  /** The connection is cut before the emulator hears of the call. */
  | { kind: 'cut-before' }
  /** The connection is cut after the emulator has carried the call out: the client cannot know. */
  | { kind: 'cut-after' }
  /** The call goes on after `ms` milliseconds. */
  | { kind: 'delay'; ms: number }
  /** The call goes on once `until` settles; for tests that steer the order of events. */
  | { kind: 'hold'; until: Promise<unknown> }
  /** The emulator does not hear of the call; this is the answer. */
  | { kind: 'answer'; response: ProxiedResponse }
  /** The call or its answer is changed on the way. */
  | {
      kind: 'transform';
      request?: (call: ProxiedCall) => string;
      response?: (response: ProxiedResponse, call: ProxiedCall) => ProxiedResponse;
    };

export interface FaultRule {
  fault: Fault;
  /** Only calls of this operation. */
  operation?: string;
  /** Only calls that this accepts. */
  when?: (call: ProxiedCall) => boolean;
  /** For so many calls; until healed unless given. */
  times?: number;
}

/** A rule in force. */
export interface ActiveFault {
  /** Calls it has struck. */
  readonly hits: number;
  heal(): void;
}

interface Active {
  rule: FaultRule;
  hits: number;
}

/** Listens on 127.0.0.1. The first rule that matches a call strikes; the rest of the traffic passes unchanged. */
export class FaultProxy {
  #target: URL;
  #server: http.Server;
  #agent = new http.Agent({ keepAlive: true });
  #port = 0;
  #rules: Active[] = [];
  #calls: ProxiedCall[] = [];
  #characters = 0;
  #watchers = new Set<() => void>();

  constructor({ target }: { target: string }) {
    this.#target = new URL(target);
    this.#server = this.#createServer();
  }

  /** Only after `start`; the same for the proxy's whole life. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await this.goDown();
    this.#agent.destroy();
  }

  /** Cuts every connection and refuses new ones, until `comeUp`. */
  async goDown(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Accepts connections again, on the same port. */
  async comeUp(): Promise<void> {
    if (this.#server.listening) return;
    this.#server = this.#createServer();
    await this.start();
  }

  /** Puts a rule in force, after those already there. */
  inject(rule: FaultRule): ActiveFault {
    const active: Active = { rule, hits: 0 };
    this.#rules.push(active);
    return {
      get hits() {
        return active.hits;
      },
      heal: () => {
        this.#rules = this.#rules.filter((other) => other !== active);
      },
    };
  }

  /** Ends all rules and comes up again if it was down. */
  async heal(): Promise<void> {
    this.#rules = [];
    await this.comeUp();
  }

  /** The newest calls, up to `PROXY_LIMITS`, of one operation or of all, including those that a rule struck. */
  calls(operation?: string): readonly ProxiedCall[] {
    return this.#calls.filter((call) => operation === undefined || call.operation === operation);
  }

  /** Their number per operation. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { operation } of this.#calls) counts[operation] = (counts[operation] ?? 0) + 1;
    return counts;
  }

  forgetCalls(): void {
    this.#calls = [];
    this.#characters = 0;
  }

  /** Resolves once there have been `count` calls of the operation among the newest ones. */
  async waitForCalls(operation: string, count: number): Promise<void> {
    while (this.calls(operation).length < count) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  /** Half of them are dropped at once, as each call would move all others otherwise. */
  #keep(call: ProxiedCall): void {
    this.#calls.push(call);
    this.#characters += call.body.length;
    while (this.#calls.length > PROXY_LIMITS.calls || this.#characters > PROXY_LIMITS.characters) {
      const dropped = this.#calls.splice(0, Math.ceil(this.#calls.length / 2));
      for (const { body } of dropped) this.#characters -= body.length;
    }
  }

  #createServer(): http.Server {
    const server = http.createServer((request, response) => {
      response.on('error', () => undefined);
      this.#handle(request, response).catch(() => response.destroy());
    });
    server.keepAliveTimeout = 0;
    return server;
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await readAll(request);
    const call: ProxiedCall = { operation: operationOf(request, body), body, headers: request.headers };
    this.#keep(call);
    for (const wake of this.#watchers) wake();
    this.#watchers.clear();
    const fault = this.#strike(call);
    if (fault?.kind === 'cut-before') {
      response.destroy();
      return;
    }
    if (fault?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.kind === 'hold') await fault.until;
    if (fault?.kind === 'answer') {
      send(response, fault.response);
      return;
    }
    const transform = fault?.kind === 'transform' ? fault : undefined;
    const answer = await this.#forward(request, transform?.request?.(call) ?? body);
    if (fault?.kind === 'cut-after') response.destroy();
    else send(response, transform?.response?.(answer, call) ?? answer);
  }

  #strike(call: ProxiedCall): Fault | undefined {
    const active = this.#rules.find(
      ({ rule, hits }) =>
        (rule.times === undefined || hits < rule.times) &&
        (rule.operation === undefined || rule.operation === call.operation) &&
        (rule.when === undefined || rule.when(call)),
    );
    if (active === undefined) return undefined;
    active.hits++;
    return active.rule.fault;
  }

  async #forward(request: http.IncomingMessage, body: string): Promise<ProxiedResponse> {
    const { hostname, port, host } = this.#target;
    const { 'transfer-encoding': _, expect: __, ...headers } = request.headers;
    const outgoing = http.request({
      hostname,
      port,
      agent: this.#agent,
      method: request.method,
      path: request.url,
      headers: { ...headers, host, 'content-length': Buffer.byteLength(body) },
    });
    // When the client goes away, so does its call: a long poll must not continue without a receiver.
    const abandon = (): void => void outgoing.destroy();
    request.socket.once('close', abandon);
    outgoing.once('close', () => request.socket.off('close', abandon));
    outgoing.end(body);
    const [incoming] = (await once(outgoing, 'response')) as [http.IncomingMessage];
    const kept: Record<string, string> = {};
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (typeof value === 'string' && !DROPPED.has(name)) kept[name] = value;
    }
    return { status: incoming.statusCode ?? 502, headers: kept, body: await readAll(incoming) };
  }
}

/** What no longer holds once a body is sent anew, or changed. */
const DROPPED = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'x-amz-crc32']);

async function readAll(stream: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function operationOf({ headers, method, url }: http.IncomingMessage, body: string): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.slice(target.lastIndexOf('.') + 1);
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return (isForm ? new URLSearchParams(body).get('Action') : null) ?? `${method} ${url}`;
}

function send(response: http.ServerResponse, { status, headers, body }: ProxiedResponse): void {
  if (response.destroyed) return;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}
