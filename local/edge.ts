// The edge of the local stack: the deployable Worker in its host, with development keys and the declared cells and tenants.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LEASE_PATH } from '../core/cell/lease.ts';
import { MONITOR_LOCALLY } from '../core/edge/monitor/monitor-settings.ts';
import type { PrivateKey, PublicKey } from '../core/ports/keys.ts';
import type { DevelopmentCa, IssuedCertificate } from '../hosts/edge/certificates.ts';
import { EdgeHost, type EdgeLogLine } from '../hosts/edge/edge-host.ts';
import type { EdgeFaults } from '../hosts/edge/faults.ts';
import type { CellDeclaration } from './cells.ts';
import { deployable, requireBundles } from './deployables.ts';
import { DEVELOPMENT_ISSUER, type DevelopmentIssuer, TOKEN_LIFE_SECONDS } from './issuer.ts';
import { Lifecycle } from './lifecycle.ts';
import { type Notice, toNotice } from './local-cell.ts';
import { declaredObjectives } from './objectives.ts';
import { CONSOLE_CLIENT, SignIn } from './sign-in.ts';
import { sourceFile } from './source-file.ts';
import type { TenantDeclaration } from './tenants.ts';

export interface LocalEdgeOptions {
  readonly version: string;
  readonly routeKey: PrivateKey;
  readonly issuer: DevelopmentIssuer;
  /** Where the issuer's public keys are. */
  readonly jwksUrl: string;
  /** Port of plain HTTP; a free one without it. */
  readonly port?: number;
  /** Folder that keeps the directory and the development authority; in memory without it. */
  readonly dataDir?: string;
  /** Variables of the Worker that differ from the usual ones, for tests. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly notice: (notice: Notice) => void;
  /** Called when the edge ends unexpectedly. */
  readonly onDeath: (reason: string) => void;
  /** Path of the bundle; the built one unless given. */
  readonly bundle?: string;
}

/** Practically unlimited on a laptop; tests cover quotas. */
const QUOTA = { perSecond: 5000, burst: 10_000 } as const;

/** A cell that has not begun to answer after this counts as unreachable, in milliseconds. */
const FORWARD_TIMEOUT_MS = 10_000;

/** Timeout of the control API, in milliseconds. */
const CONTROL_TIMEOUT_MS = 10_000;

/**
 * Attempts of seeding, and the pause in between in milliseconds: while the edge starts, its dependencies may not answer yet, and on a busy machine
 * a cell that has just been started may take longer to prove its identity than the edge waits.
 */
const SEEDING = { tries: 20, pauseMs: 250 } as const;

/** The actor in the audit log for changes that the stack makes. */
const ACTOR = 'local-stack';

/** A cell, as the control API returns it. */
export interface DirectoryCell {
  readonly id: string;
  readonly state: string;
  readonly homes: number;
  readonly standbys: number;
}

/** What the control API said. */
interface ControlAnswer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly detail?: string } & Readonly<Record<string, unknown>>;
}

export class LocalEdge {
  readonly #options: LocalEdgeOptions;
  readonly #life = new Lifecycle('the edge');
  #host: EdgeHost | undefined;
  #ca: DevelopmentCa | undefined;
  #faults: EdgeFaults = {};

  constructor(options: LocalEdgeOptions) {
    this.#options = options;
  }

  /** Only after `start`. */
  get url(): string {
    return this.#host?.url ?? '';
  }

  /** Where the console is; only after `start`. */
  get consoleUrl(): string {
    return `${this.url}/console/`;
  }

  /** With client certificates; only after `start`. */
  get tlsUrl(): string {
    return this.#host?.tlsUrl ?? '';
  }

  /** Of the authority that has signed the server's certificate and signs the devices'; in PEM. Only after `start`. */
  get authority(): string {
    return this.#ca?.certificate ?? '';
  }

  /** @throws NoWorkerd when this platform has none; Error in one sentence for anything else */
  start(): Promise<void> {
    return this.#life.start(() => this.#bringUp());
  }

  async #bringUp(): Promise<void> {
    const { version, routeKey, issuer, jwksUrl, port, dataDir, variables, notice, onDeath } = this.#options;
    const { bundle = deployable('edge/http/index.mjs') } = this.#options;
    requireBundles([bundle]);
    const folder = dataDir === undefined ? undefined : path.join(dataDir, 'edge');
    this.#ca = await authority(folder);
    const { certificate, key } = await this.#ca.issueServer();
    const objectives = await declaredObjectives();
    const signIn = new SignIn({
      redirectUri: () => this.consoleUrl,
      token: async () => ({
        token: await issuer.operatorToken(process.env.USER ?? 'developer', 'for tenants'),
        lifeSeconds: TOKEN_LIFE_SECONDS.operator,
      }),
      now: Date.now,
    });
    this.#life.add(() => signIn.stop());
    const signInUrl = await signIn.start();
    const host = new EdgeHost({
      bundle,
      variables: {
        APP_VERSION: version,
        APP_ROUTE_KEY: JSON.stringify(routeKey),
        APP_ISSUER: DEVELOPMENT_ISSUER,
        APP_JWKS_URL: jwksUrl,
        APP_OPERATORS: '{}',
        APP_DEVICE_CA: this.#ca.certificate,
        APP_QUOTAS: JSON.stringify({ standard: QUOTA, premium: QUOTA }),
        APP_CROSS_ORIGIN: '{}',
        APP_CONSOLE: JSON.stringify({
          clientId: CONSOLE_CLIENT,
          authorizationUrl: `${signInUrl}/authorize`,
          tokenUrl: `${signInUrl}/token`,
        }),
        APP_FORWARD_TIMEOUT_MS: String(FORWARD_TIMEOUT_MS),
        APP_TRUST: '{}',
        APP_MONITOR: JSON.stringify(MONITOR_LOCALLY),
        APP_OBJECTIVES: JSON.stringify(objectives),
        ...variables,
      },
      assets: sourceFile('web'),
      ...(port !== undefined && { port }),
      ...(folder !== undefined && { dataDir: path.join(folder, 'objects') }),
      tls: { certificate, key, clientCa: this.#ca.certificate },
      log: (line) => notice(toEdgeNotice(line)),
      onUnexpectedExit: (reason) => onDeath(`the edge ended: ${reason}`),
    });
    this.#host = host;
    this.#life.stillWanted();
    this.#life.add(() => host.stop());
    await host.start().catch(async (error: unknown) => {
      // A stack without an edge goes on, and does not stop what has not started.
      await signIn.stop();
      throw error;
    });
  }

  /** Replaces the running bundle with the one that was just built; the directory stays. */
  async replaceBundle(): Promise<void> {
    await this.#host?.replaceBundle(this.#options.bundle ?? deployable('edge/http/index.mjs'));
  }

  /** Has it sign with another key; the directory stays, and requests in the meantime wait. */
  async replaceRouteKey(key: PrivateKey): Promise<void> {
    await this.#host?.replaceVariables({ APP_ROUTE_KEY: JSON.stringify(key) });
  }

  /** Stops it, also while it starts. */
  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** Breaks the named connections and restores all others, for drills. */
  async setFaults(faults: EdgeFaults): Promise<void> {
    await this.#host?.setFaults(faults);
    this.#faults = faults;
  }

  /** Whether the way between the edge and this origin is broken. */
  isCutOff(origin: string): boolean {
    const fault = this.#faults.origins?.[origin];
    return fault === 'refused' || fault === 'silent';
  }

  /** A certificate that authenticates a device of a tenant. */
  issueDevice(tenant: string, device: string): Promise<IssuedCertificate> {
    if (this.#ca === undefined) throw new TypeError('The edge has not been started.');
    return this.#ca.issueDevice(tenant, device);
  }

  /**
   * Registers the running cells and their addresses in the directory, and adds the declared tenants that it does not know. What operators have
   * changed since then stays: a kept directory is not reset.
   */
  async seed(
    cells: readonly (CellDeclaration & { readonly endpoint: string; readonly keys?: readonly PublicKey[] })[],
    tenants: readonly TenantDeclaration[],
  ): Promise<void> {
    await Promise.all(cells.map((cell) => this.#seedCell(cell)));
    const running = new Set(cells.map(({ id }) => id));
    await Promise.all(tenants.map((tenant) => this.#seedTenant(tenant, running)));
  }

  /** The tenant's epoch now, and the cell that serves it; undefined for a tenant that the directory does not know. */
  async epochOf(tenant: string): Promise<number | undefined> {
    const { status, body } = await this.control('GET', `tenants/${tenant}`);
    if (status === 404) return undefined;
    const { epoch } = body as { epoch?: unknown };
    if (status !== 200 || typeof epoch !== 'number')
      throw new Error(`The directory cannot be asked: ${reasonOf(body)}.`);
    return epoch;
  }

  /** What the directory says of each cell. */
  async cells(): Promise<ReadonlyMap<string, DirectoryCell>> {
    const { status, body } = await this.control('GET', 'cells');
    if (status !== 200) throw new Error(`The directory cannot be asked: ${reasonOf(body)}.`);
    const { items } = body as unknown as { items: readonly DirectoryCell[] };
    return new Map(items.map((item) => [item.id, item]));
  }

  /** Hands on what a cell asks. @throws Error if it is refused */
  async lease(question: unknown): Promise<unknown> {
    const response = await fetch(this.url + LEASE_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(question),
      signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
    });
    const body = (await response.json()) as ControlAnswer['body'];
    if (response.status !== 200) throw new Error(reasonOf(body));
    return body;
  }

  /** Asks the control API, as the stack. */
  async control(method: 'GET' | 'PUT' | 'POST', what: string, body?: object): Promise<ControlAnswer> {
    const response = await fetch(`${this.url}/control/v1/${what}`, {
      method,
      headers: {
        authorization: `Bearer ${await this.#options.issuer.operatorToken(ACTOR)}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
    });
    return { status: response.status, body: (await response.json()) as ControlAnswer['body'] };
  }

  /** Calls the control API until it answers; these calls may be repeated. */
  async #seeded(method: 'GET' | 'PUT', what: string, body?: object): Promise<ControlAnswer> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.control(method, what, body);
      const isEarly = answer.status === 503 || answer.body.code === 'endpoint_unproved';
      if (!isEarly || tries === SEEDING.tries) return answer;
      await delay(SEEDING.pauseMs);
    }
  }

  async #seedCell({
    id,
    cloud,
    region,
    jurisdiction,
    endpoint,
    capacity,
    price,
    failover,
    keys,
  }: Parameters<LocalEdge['seed']>[0][number]): Promise<void> {
    const { status, body } = await this.#seeded('PUT', `cells/${id}`, {
      cloud,
      region,
      jurisdiction,
      endpoint,
      capacity,
      price,
      failover,
      ...(keys !== undefined && { keys }),
      reason: 'it runs here',
    });
    if (status === 409) this.#warn(`The directory does not take ${id}: ${reasonOf(body)}.`);
    else if (status !== 200) throw new Error(`The directory does not take ${id}: ${reasonOf(body)}.`);
  }

  async #seedTenant(
    { id, residency, tier, cell, standby }: TenantDeclaration,
    running: ReadonlySet<string>,
  ): Promise<void> {
    if ((await this.#seeded('GET', `tenants/${id}`)).status === 200) return;
    const { status, body } = await this.#seeded('PUT', `tenants/${id}`, {
      residency,
      tier,
      // A standby is meant for this home: with another one, it may be the home itself.
      ...(running.has(cell) && { cell }),
      ...((standby === null || (running.has(cell) && running.has(standby))) && { standby }),
      reason: 'infra/tenants.json declares it',
    });
    // If only some cells run, none may fit.
    if (status === 409) this.#warn(`No cell for ${id}: ${reasonOf(body)}.`);
    else if (status !== 200) throw new Error(`The directory does not take ${id}: ${reasonOf(body)}.`);
  }

  #warn(message: string): void {
    this.#options.notice({ level: 'info', part: 'edge', message });
  }
}

/** Our own lines are JSON; the level of any other is the runtime's. */
function toEdgeNotice({ level, message }: EdgeLogLine): Notice {
  const notice = toNotice('edge', message);
  return notice.message === message ? { ...notice, level } : notice;
}

const reasonOf = ({ code, detail }: ControlAnswer['body']): string =>
  (detail ?? code ?? 'no reason given').replace(/\.$/, '');

/** The development authority: kept with the state, so that certificates outlast a restart. Loaded when an edge starts, as its library is large. */
async function authority(folder: string | undefined): Promise<DevelopmentCa> {
  const { DevelopmentCa } = await import('../hosts/edge/certificates.ts');
  if (folder === undefined) return DevelopmentCa.create();
  const file = path.join(folder, 'authority.json');
  try {
    return await DevelopmentCa.load(JSON.parse(await readFile(file, 'utf8')) as IssuedCertificate);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const made = await DevelopmentCa.create();
  await mkdir(folder, { recursive: true });
  // Renamed into place: a start that is cut short leaves a whole file or none.
  await writeFile(`${file}.new`, JSON.stringify({ certificate: made.certificate, key: made.key }), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return made;
}
