// The whole local stack: cells and what is in front of them, started together, watched, and stopped together.
import { randomIds, systemClock } from '../adapters/system/system.ts';
import { isName } from '../core/cell/identity.ts';
import { topology as declaredTopology, type Topology } from '../core/cell/topology.ts';
import { ROUTE_TOKEN_LIMITS, SCOPES, type Scope } from '../core/routing/route-token.ts';
import { AwsCell, type AwsCellOptions } from './aws-cell.ts';
import { AzureCell } from './azure-cell.ts';
import type { CellDeclaration } from './cells.ts';
import { ControlServer } from './control.ts';
import { takeFolder } from './data-folder.ts';
import { type Endpoints, readEndpoints } from './endpoints.ts';
import type { ConsumerStatus, LocalCell, Notice } from './local-cell.ts';
import { IDENTITY_PATH, registerStack, unregisterStack } from './registry.ts';
import { makeRouteKeys, type RouteKeys } from './route-keys.ts';

export interface StackOptions {
  readonly cells: readonly CellDeclaration[];
  readonly version: string;
  /** The first cell's port; the others' follow it. Free ports without it. */
  readonly portBase?: number;
  /** Folder that keeps the state over restarts; in memory without it. */
  readonly dataDir?: string;
  /** Told of noteworthy happenings. */
  readonly notice: (notice: Notice) => void;
  /** Told of each part as it comes up. */
  readonly progress?: (what: string) => void;
  /** Called once when a part ends by itself; the stack is to be stopped then. */
  readonly onDeath: (reason: string) => void;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Other limits than the declared ones, for tests. */
  readonly topology?: Topology;
  /** Other bundles than the built ones, for tests. */
  readonly bundles?: AwsCellOptions['bundles'];
}

/** What the command line is told of a stack. */
export interface StackInfo {
  readonly cells: readonly {
    readonly id: string;
    readonly cloud: string;
    readonly region: string;
    readonly url: string;
  }[];
  readonly edge: { readonly url: string } | null;
}

export interface CellStatus {
  readonly id: string;
  readonly cloud: string;
  readonly region: string;
  readonly url: string;
  readonly health: string;
  readonly consumers: readonly ConsumerStatus[];
}

/** A cell that does not answer for its health within this time is down, in milliseconds. */
const HEALTH_TIMEOUT_MS = 2000;

export class Stack {
  readonly cells: readonly LocalCell[];
  readonly #id = randomIds.next();
  readonly #options: StackOptions;
  readonly #keys: RouteKeys;
  readonly #control: ControlServer;
  readonly #endpoints: Endpoints;
  #starting: Promise<StackInfo> | undefined;
  #stopping: Promise<void> | undefined;
  #registered = false;
  #release: (() => Promise<void>) | undefined;

  private constructor(options: StackOptions, keys: RouteKeys) {
    this.#options = options;
    this.#keys = keys;
    this.#endpoints = readEndpoints(options.environment ?? process.env);
    this.cells = options.cells.map((declaration, index) => this.#makeCell(declaration, index));
    this.#control = new ControlServer({
      [IDENTITY_PATH]: async () => ({ id: this.#id }),
      '/stack': async () => this.info(),
      '/status': async () => ({ cells: await this.status() }),
      '/token': async (query) => ({ token: await this.#token(query) }),
    });
  }

  /** Makes a stack that is not started yet. */
  static async create(options: StackOptions): Promise<Stack> {
    return new Stack(options, await makeRouteKeys(systemClock));
  }

  /** Starts all cells side by side. If one fails, the others are stopped again and the failure is thrown. */
  async start(): Promise<StackInfo> {
    this.#starting = this.#bringUp();
    try {
      return await this.#starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #bringUp(): Promise<StackInfo> {
    const { dataDir, progress } = this.#options;
    if (dataDir !== undefined) this.#release = await takeFolder(dataDir);
    const started = await Promise.allSettled(
      this.cells.map(async (cell) => {
        await cell.start();
        progress?.(`${cell.id} is up`);
      }),
    );
    const failure = started.find((each) => each.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    if (this.#stopping !== undefined) throw new Error('The stack was stopped while it was coming up.');
    const control = await this.#control.start();
    const urls = this.cells.map(({ url }) => url);
    await registerStack({ id: this.#id, pid: process.pid, startedAt: systemClock.now(), control, urls });
    this.#registered = true;
    return this.info();
  }

  /** Stops everything, also what is still coming up. Rejects with the first failure once all that can be stopped is. */
  stop(): Promise<void> {
    this.#stopping ??= this.#takeDown();
    return this.#stopping;
  }

  async #takeDown(): Promise<void> {
    const cells = Promise.allSettled(this.cells.map((cell) => cell.stop()));
    // Why it did not come up is told to whoever started it.
    await this.#starting?.catch(() => undefined);
    if (this.#registered) {
      await unregisterStack(process.pid);
      await this.#control.stop();
    }
    const failure = (await cells).find((each) => each.status === 'rejected');
    await this.#release?.();
    if (failure !== undefined) throw failure.reason;
  }

  info(): StackInfo {
    return { edge: null, cells: this.cells.map(({ id, cloud, region, url }) => ({ id, cloud, region, url })) };
  }

  status(): Promise<readonly CellStatus[]> {
    return Promise.all(
      this.cells.map(async (cell) => {
        const { id, cloud, region, url } = cell;
        return { id, cloud, region, url, health: await health(url), consumers: await cell.consumers() };
      }),
    );
  }

  /** Signs a development route token. */
  mint: RouteKeys['mint'] = (request) => this.#keys.mint(request);

  async #token(query: URLSearchParams): Promise<string> {
    const tenant = query.get('tenant') ?? '';
    const cell = query.get('cell') ?? '';
    const lifeSeconds = Number(query.get('ttl') ?? ROUTE_TOKEN_LIMITS.lifeSeconds);
    const scopes = (query.get('scope') ?? 'ingest,read,operate').split(',');
    if (!isName(tenant))
      throw new Error(`${JSON.stringify(tenant)} cannot be a tenant: a tenant is 1 to 63 of a-z 0-9 -`);
    if (!this.cells.some(({ id }) => id === cell))
      throw new Error(`No cell ${JSON.stringify(cell)} runs; there are ${this.cells.map(({ id }) => id).join(', ')}.`);
    if (!Number.isInteger(lifeSeconds) || lifeSeconds < 1 || lifeSeconds > ROUTE_TOKEN_LIMITS.lifeSeconds) {
      throw new Error(`A route token lives 1 to ${ROUTE_TOKEN_LIMITS.lifeSeconds} seconds; cells refuse any other.`);
    }
    const unknown = scopes.find((scope) => !(SCOPES as readonly string[]).includes(scope));
    if (unknown !== undefined)
      throw new Error(`There is no scope ${JSON.stringify(unknown)}; there are ${SCOPES.join(', ')}.`);
    return this.#keys.mint({ tenant, cell, scopes: scopes as Scope[], lifeSeconds });
  }

  #makeCell(declaration: CellDeclaration, index: number): LocalCell {
    const { topology = declaredTopology, version, portBase, dataDir, bundles, notice, onDeath } = this.#options;
    const common = {
      declaration,
      topology,
      version,
      routeKeys: this.#keys.publicKeys,
      ...(portBase !== undefined && { port: portBase + index }),
      ...(dataDir !== undefined && { dataDir }),
      notice,
      onDeath,
    };
    const endpoints = this.#endpoints;
    if (declaration.cloud === 'azure') return new AzureCell({ ...common, endpoints });
    return new AwsCell({ ...common, ...(bundles && { bundles }), endpoints });
  }
}

async function health(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/v1/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    const { status } = (await response.json()) as { status?: string };
    return status ?? `answers ${response.status}`;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'no answer' : 'down';
  }
}
