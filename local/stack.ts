// The whole local stack: cells and the edge, started, watched and stopped together.
import { randomIds, systemClock } from '../adapters/system/system.ts';
import { application } from '../core/application.ts';
import { LEASE_PATH } from '../core/cell/lease.ts';
import type { Topology } from '../core/cell/topology.ts';
import { topologyOf } from '../core/domain/application.ts';
import { type PrivateKey, publicPart } from '../core/ports/keys.ts';
import { NoWorkerd } from '../hosts/edge/edge-host.ts';
import { type EdgeFaults, readFaults } from '../hosts/edge/faults.ts';
import { AwsCell, type AwsCellOptions } from './aws-cell.ts';
import { AzureCell } from './azure-cell.ts';
import type { CellDeclaration } from './cells.ts';
import { ControlServer } from './control.ts';
import { takeFolder } from './data-folder.ts';
import { drillOrders } from './drill-orders.ts';
import { type DirectoryCell, LocalEdge } from './edge.ts';
import { type Endpoints, readEndpoints } from './endpoints.ts';
import { healthAt } from './health.ts';
import { inspectedIn } from './inspection.ts';
import { type DevelopmentIssuer, makeIssuer } from './issuer.ts';
import { keyOrders } from './key-orders.ts';
import { handOn } from './leases.ts';
import type { ConsumerStatus, LocalCell, Notice } from './local-cell.ts';
import { IDENTITY_PATH, registerStack, unregisterStack } from './registry.ts';
import { makePrivateKey, makeRouteKeys, type RouteKeys, type TokenRequest } from './route-keys.ts';
import { runnableCells } from './runnable-cells.ts';
import { Plane } from './telemetry/plane.ts';
import type { TenantDeclaration } from './tenants.ts';
import { readDeviceRequest, readRouteTokenRequest, readTenantTokenRequest } from './token-requests.ts';

export interface StackOptions {
  readonly cells: readonly CellDeclaration[];
  readonly version: string;
  /** The edge's port; a free one without it. */
  readonly port?: number;
  /** The first cell's port; the others' follow it. Free ports without it. */
  readonly portBase?: number;
  /** `false`: cells alone. */
  readonly edge?: false;
  /** Other variables of the edge than the usual ones, for tests. */
  readonly edgeVariables?: Readonly<Record<string, string>>;
  /** The tenants that the edge knows from the beginning. */
  readonly tenants?: readonly TenantDeclaration[];
  /** Folder that keeps the state over restarts; in memory without it. */
  readonly dataDir?: string;
  /** Called for noteworthy events. */
  readonly notice: (notice: Notice) => void;
  /** Called for each part that has started. */
  readonly progress?: (what: string) => void;
  /** Called once when a part ends unexpectedly; the stack is to be stopped then. */
  readonly onDeath: (reason: string) => void;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Other limits than the declared ones, for tests. */
  readonly topology?: Topology;
  /** Other bundles than the built ones, for tests. */
  readonly bundles?: AwsCellOptions['bundles'];
  /** Functions whose inspector is open: name as in `inspectable` → port. */
  readonly inspect?: ReadonlyMap<string, number>;
  /** Finds the DynamoDB emulator's binary, or throws `NoDynoxide`; another than the installed one, for tests. */
  readonly findDynamoDb?: () => string;
}

/** The description of a stack for the command line. */
export interface StackInfo {
  readonly cells: readonly {
    readonly id: string;
    readonly cloud: string;
    readonly region: string;
    readonly url: string;
  }[];
  readonly edge: EdgeInfo | null;
}

export interface EdgeInfo {
  readonly url: string;
  /** For devices that show a certificate. */
  readonly tlsUrl: string;
}

export interface Replaced {
  /** Functions, Azure's cells as a whole, and the edge. */
  readonly restarted: readonly string[];
  readonly failures: readonly string[];
}

export interface CellStatus {
  readonly id: string;
  readonly cloud: string;
  readonly region: string;
  readonly url: string;
  readonly health: string;
  /** What the directory says of it; `null` without an edge, or if it does not know the cell. */
  readonly directory: { readonly state: string; readonly homes: number; readonly standbys: number } | null;
  readonly consumers: readonly ConsumerStatus[];
}

export interface StackStatus {
  readonly edge: (EdgeInfo & { readonly health: string }) | null;
  readonly cells: readonly CellStatus[];
}

export class Stack {
  readonly cells: readonly LocalCell[];
  readonly #id = randomIds.next();
  readonly #options: StackOptions;
  #keys: RouteKeys;
  /** Cell → the key by which it proves its identity. */
  readonly #identities: ReadonlyMap<string, PrivateKey>;
  readonly #control: ControlServer;
  readonly #issuer: DevelopmentIssuer;
  readonly #plane: Plane;
  #edge: LocalEdge | undefined;
  /** Of the control server, where cells ask for the edge. */
  #address = '';
  readonly #endpoints: Endpoints;
  #starting: Promise<StackInfo> | undefined;
  #stopping: Promise<void> | undefined;
  #registered = false;
  #release: (() => Promise<void>) | undefined;

  private constructor(
    options: StackOptions,
    endpoints: Endpoints,
    keys: RouteKeys,
    identities: ReadonlyMap<string, PrivateKey>,
    issuer: DevelopmentIssuer,
  ) {
    this.#plane = new Plane(options.environment ?? process.env, options.notice);
    const notice = (said: Notice) => {
      this.#plane.note(said);
      options.notice(said);
    };
    this.#options = { ...options, notice };
    this.#keys = keys;
    this.#identities = identities;
    this.#issuer = issuer;
    this.#endpoints = endpoints;
    this.cells = options.cells.map((declaration, index) => this.#makeCell(declaration, index));
    this.#control = new ControlServer({
      [`GET ${IDENTITY_PATH}`]: async () => ({ id: this.#id }),
      'GET /stack': async () => this.info(),
      'GET /status': () => this.status(),
      'GET /token': async ({ query }) => ({ token: await this.#routeToken(query) }),
      'GET /tenant-token': async ({ query }) => ({ token: await issuer.tenantToken(readTenantTokenRequest(query)) }),
      'GET /operator-token': async ({ query }) => ({
        token: await issuer.operatorToken(query.get('subject') ?? 'developer'),
      }),
      'GET /device-certificate': ({ query }) => this.#deviceCertificate(query),
      'GET /jwks.json': async () => issuer.jwks,
      ...this.#plane.routes,
      ...keyOrders({
        cells: () => this.cells,
        edge: () => this.#edge,
        signing: (signing) => {
          this.#keys = signing;
        },
      }),
      'POST /crash': ({ query }) => this.crash(query.get('cell') ?? ''),
      'POST /revive': ({ query }) => this.revive(query.get('cell') ?? ''),
      ...drillOrders(() => this.cells),
      'POST /edge-faults': ({ body }) => this.setEdgeFaults(body as EdgeFaults),
      [`POST ${LEASE_PATH}`]: ({ body }) => handOn(body, this.cells, this.#edge),
    });
  }

  /**
   * Makes a stack that is not started yet. AWS cells are left out, with a notice, where there is no DynamoDB for them.
   * @throws Error that says what to set if an endpoint is malformed, or if no cell is left
   */
  static async create(options: StackOptions): Promise<Stack> {
    const endpoints = readEndpoints(options.environment ?? process.env);
    const cells = runnableCells(options, endpoints);
    const [keys, issuer] = await Promise.all([makeRouteKeys(systemClock), makeIssuer(systemClock)]);
    const identities = await Promise.all(cells.map(async ({ id }) => [id, await makePrivateKey(id)] as const));
    return new Stack({ ...options, cells }, endpoints, keys, new Map(identities), issuer);
  }

  /** Starts all cells and the edge side by side. If one fails, the others are stopped again and the failure is thrown. */
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
    // First: the edge fetches the issuer's keys from it, and everything exports to the plane.
    const [control] = await Promise.all([this.#control.start(), this.#plane.start()]);
    this.#address = control;
    let failed = false;
    const start = async (name: string, part: Promise<void>) => {
      await part;
      if (!failed) progress?.(`${name} is up`);
    };
    // The first failure is enough: the others are stopped while they are coming up.
    await Promise.all([
      this.#startEdge(control, start),
      ...this.cells.map((cell) => start(cell.id, cell.start())),
    ]).catch((error: unknown) => {
      failed = true;
      throw error;
    });
    if (this.#stopping !== undefined) throw new Error('The stack was stopped while it was coming up.');
    await this.#edge?.seed(this.#declaredEndpoints(), this.#options.tenants ?? []);
    const urls = [this.#edge?.url, this.#edge?.tlsUrl, ...this.cells.map(({ url }) => url)].filter(isText);
    await registerStack({ id: this.#id, pid: process.pid, startedAt: systemClock.now(), control, urls });
    this.#registered = true;
    return this.info();
  }

  async #startEdge(control: string, start: (name: string, part: Promise<void>) => Promise<void>): Promise<void> {
    const { edge: wanted, version, port, dataDir, edgeVariables, notice, onDeath } = this.#options;
    if (wanted === false) return;
    const edge = new LocalEdge({
      version,
      routeKey: this.#keys.privateKey,
      issuer: this.#issuer,
      jwksUrl: `${control}/jwks.json`,
      ...(port !== undefined && { port }),
      ...(dataDir !== undefined && { dataDir }),
      variables: { ...this.#plane.variables, ...edgeVariables },
      notice,
      onDeath,
    });
    this.#edge = edge;
    try {
      await start('the edge', edge.start());
    } catch (error) {
      if (!(error instanceof NoWorkerd)) throw error;
      this.#edge = undefined;
      notice({ level: 'warn', part: 'edge', message: `${error.message} The cells run without an edge.` });
    }
  }

  #declaredEndpoints() {
    return this.#options.cells.map((declaration, index) => ({
      ...declaration,
      endpoint: this.cells[index]?.url ?? '',
      keys: [publicPart(this.#identityOf(declaration))],
    }));
  }

  /** Stops everything, also what is still coming up. Rejects with the first failure once all that can be stopped is. */
  stop(): Promise<void> {
    this.#stopping ??= this.#takeDown();
    return this.#stopping;
  }

  async #takeDown(): Promise<void> {
    const cells = Promise.allSettled(this.cells.map((cell) => cell.stop()));
    const edge = Promise.allSettled([this.#edge?.stop()]);
    // The caller of `start` gets the reason if it did not start.
    await this.#starting?.catch(() => undefined);
    if (this.#registered) await unregisterStack(process.pid);
    await Promise.all([this.#control.stop(), this.#plane.stop()]);
    const failure = [...(await cells), ...(await edge)].find((each) => each.status === 'rejected');
    await this.#release?.();
    if (failure !== undefined) throw failure.reason;
  }

  info(): StackInfo {
    const edge = this.#edge;
    return {
      edge: edge === undefined ? null : { url: edge.url, tlsUrl: edge.tlsUrl },
      cells: this.cells.map(({ id, cloud, region, url }) => ({ id, cloud, region, url })),
    };
  }

  async status(): Promise<StackStatus> {
    const edge = this.info().edge;
    const directory = (await this.#edge?.cells().catch(() => undefined)) ?? new Map<string, DirectoryCell>();
    const cells = this.cells.map(async (cell) => {
      const { id, cloud, region, url, crashed } = cell;
      const known = directory.get(id);
      return {
        ...{ id, cloud, region, url, health: await healthAt(url) },
        directory: known === undefined ? null : { state: known.state, homes: known.homes, standbys: known.standbys },
        consumers: crashed ? [] : await cell.consumers(),
      };
    });
    return {
      edge: edge === null ? null : { ...edge, health: await healthAt(edge.url) },
      cells: await Promise.all(cells),
    };
  }

  /** Crashes a cell: see `LocalCell.crash`. */
  async crash(cell: string): Promise<void> {
    const lost = this.#cell(cell);
    await lost.crash();
    this.#options.notice({ level: 'warn', part: cell, message: 'is lost, as it was asked to be' });
  }

  /**
   * Runs rebuilt bundles; emulators keep running, and with them the state.
   * @param names of bundles, such as `aws/worker`
   * @returns what has been restarted, and why something was not
   */
  async replaceBundles(names: readonly string[]): Promise<Replaced> {
    const rolesOf = (cloud: string) =>
      new Set(names.flatMap((name) => (name.startsWith(`${cloud}/`) ? [name.slice(cloud.length + 1)] : [])));
    const edge = this.#edge;
    const parts = this.cells.map(async (cell) => {
      const roles = rolesOf(cell.cloud);
      return roles.size === 0 ? [] : await cell.replaceBundles(roles);
    });
    if (edge !== undefined && rolesOf('edge').size > 0) parts.push(edge.replaceBundle().then(() => ['edge']));
    const results = await Promise.allSettled(parts);
    return {
      restarted: results.flatMap((each) => (each.status === 'fulfilled' ? each.value : [])),
      failures: results.flatMap((each) => (each.status === 'rejected' ? [String(each.reason?.message)] : [])),
    };
  }

  /** See `LocalCell.keepSpares`. What cannot be started ahead starts later: a failure is none. */
  async keepSpares(): Promise<void> {
    await Promise.allSettled(this.cells.map((cell) => cell.keepSpares()));
  }

  /** Revives a cell: see `LocalCell.revive`. */
  async revive(cell: string): Promise<void> {
    await this.#cell(cell).revive();
    this.#options.notice({ level: 'info', part: cell, message: 'is there again' });
  }

  /** Breaks connections of the edge; see `EdgeHost.setFaults`. Replaces previous faults. */
  async setEdgeFaults(faults: EdgeFaults): Promise<void> {
    if (this.#edge === undefined) throw new Error('This stack has no edge.');
    await this.#edge.setFaults(readFaults(faults));
  }

  #cell(id: string): LocalCell {
    const cell = this.cells.find((each) => each.id === id);
    if (cell === undefined)
      throw new Error(`No cell ${JSON.stringify(id)} runs; there are ${this.cells.map((each) => each.id).join(', ')}.`);
    return cell;
  }

  /** Signs a development route token. */
  mint = (request: Omit<TokenRequest, 'endpoint'>): Promise<string> =>
    this.#keys.mint({ ...request, endpoint: this.#cell(request.cell).url });

  /** A client's token, from the development issuer. */
  tenantToken: DevelopmentIssuer['tenantToken'] = (request) => this.#issuer.tenantToken(request);

  async #routeToken(query: URLSearchParams): Promise<string> {
    const request = readRouteTokenRequest(query);
    this.#cell(request.cell);
    // Cells refuse older epochs, and adopt newer ones.
    const epoch = request.epoch ?? (await this.#edge?.epochOf(request.tenant)) ?? 1;
    return this.mint({ ...request, epoch });
  }

  async #deviceCertificate(query: URLSearchParams): Promise<object> {
    if (this.#edge === undefined) throw new Error('This stack has no edge, and only the edge reads certificates.');
    const { tenant, device } = readDeviceRequest(query);
    const issued = await this.#edge.issueDevice(tenant, device);
    return { ...issued, authority: this.#edge.authority, url: this.#edge.tlsUrl };
  }

  #identityOf({ id }: CellDeclaration): PrivateKey {
    const key = this.#identities.get(id);
    if (key === undefined) throw new TypeError(`${id} has no key.`);
    return key;
  }

  #makeCell(declaration: CellDeclaration, index: number): LocalCell {
    const { topology = topologyOf(application), version, edge, portBase, dataDir, bundles } = this.#options;
    const inspect = inspectedIn(declaration.id, this.#options.inspect ?? new Map());
    const common = {
      declaration,
      topology,
      version,
      routeKeys: this.#keys.publicKeys,
      identityKey: this.#identityOf(declaration),
      ...(edge !== false && { edge: () => (this.#edge === undefined ? 'none' : this.#address) }),
      telemetry: () => this.#plane.variables,
      ...(portBase !== undefined && { port: portBase + index }),
      ...(dataDir !== undefined && { dataDir }),
      notice: this.#options.notice,
      onDeath: this.#options.onDeath,
    };
    const endpoints = this.#endpoints;
    if (declaration.cloud === 'aws') return new AwsCell({ ...common, ...(bundles && { bundles }), endpoints, inspect });
    const [inspectPort] = inspect.values();
    return new AzureCell({ ...common, endpoints, ...(inspectPort !== undefined && { inspectPort }) });
  }
}

const isText = (value: string | undefined): value is string => value !== undefined && value !== '';
