// The root that a run applies: a copy of infra/, in which the cell's own root leads to an emulator, with the packages of this checkout.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Topology } from '../../../core/cell/topology.ts';
import { makePackages } from '../../package.ts';
import type { DeclaredCell } from '../declared.ts';
import { releaseOf, verify } from '../pipeline/packages.mjs';
import { ALARM_ADDRESS, type Deployment, type Objectives, type Option } from './deployment.ts';

/** What `APP_VERSION` says. */
const VERSION = 'emulated';

/** The copy of a run. */
export class Root {
  readonly #folder: string;
  readonly #cell: DeclaredCell;

  /** @param folder an empty one, which is removed afterwards */
  constructor(folder: string, cell: DeclaredCell) {
    this.#folder = folder;
    this.#cell = cell;
  }

  /** Where terraform runs. */
  get live(): string {
    return path.join(this.#folder, 'infra/live', this.#cell.id);
  }

  /**
   * Makes it from the checkout, which stays clean; resolves with what is going to be deployed. The cell's domain is left out: its certificate
   * is the account's.
   */
  async make(
    project: string,
    { endpoint, account, options }: { endpoint: string; account: string; options: ReadonlySet<Option> },
  ): Promise<Deployment> {
    const packages = path.join(this.#folder, 'packages');
    await makePackages(packages);
    const read = (file: string): Buffer => readFileSync(path.join(packages, file));
    // As the pipeline does before it deploys.
    verify(read, createHash('sha256').update(read('SHA256SUMS')).digest('hex'));
    cpSync(path.join(project, 'infra'), path.join(this.#folder, 'infra'), {
      recursive: true,
      // Settings of a cell name what its account has.
      filter: (source) => !/\.terraform|\.auto\.tfvars/.test(source),
    });
    const declared = <T>(file: string): T => JSON.parse(readFileSync(path.join(project, 'infra', file), 'utf8')) as T;
    const cells = declared<readonly DeclaredCell[]>('cells.json');
    const without = cells.map((each) => (each.id === this.#cell.id ? { ...each, domain: null } : each));
    writeFileSync(path.join(this.#folder, 'infra/cells.json'), JSON.stringify(without));
    const deployment: Deployment = {
      cell: this.#cell,
      topology: declared<Topology>('topology.json'),
      objectives: declared<Objectives>('objectives.json'),
      options,
      account,
      version: VERSION,
      digests: digestsIn(read('SHA256SUMS').toString()),
      ...keysOf(this.#cell.id),
      edge: `https://${declared<{ readonly hostname: string }>('edge.json').hostname}`,
      protection: true,
    };
    const own = path.join(project, 'infra/emulator');
    cpSync(path.join(own, 'variables.tf'), path.join(this.live, 'emulator.tf'));
    cpSync(path.join(own, 'terraform.tf'), path.join(this.live, 'emulator_override.tf'));
    this.set({
      emulator: endpoint,
      release: releaseOf(packages, VERSION, 'aws'),
      route_keys: deployment.routeKeys,
      identity_key: deployment.identityKey,
      private_network: options.has('network'),
      alarm_emails: options.has('email') ? [ALARM_ADDRESS] : [],
      options: { customer_managed_key: options.has('key'), reserve_concurrency: options.has('concurrency') },
    });
    return deployment;
  }

  readonly #settings: Record<string, unknown> = {};

  /** Sets variables, besides those that have been set. */
  set(variables: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#settings, variables);
    writeFileSync(path.join(this.live, 'emulator.auto.tfvars.json'), JSON.stringify(this.#settings));
  }

  /** Leaves out of the module what an override file says; nothing if it is ''. */
  leaveOut(override: string): void {
    const file = path.join(this.#folder, 'infra/modules/aws-event-cell/emulator_override.tf');
    if (override === '') rmSync(file, { force: true });
    else writeFileSync(file, override);
  }
}

/** The digests of a cell's packages, from the list that the packaging writes. */
export function digestsIn(sums: string): Deployment['digests'] {
  const digests = new Map(sums.split('\n').map((line) => line.split(/\s+/, 2).reverse() as [string, string]));
  const of = (file: string): string => {
    const digest = digests.get(file);
    if (digest === undefined) throw new Error(`SHA256SUMS does not name ${file}.`);
    return digest;
  };
  return { http: of('aws-http.zip'), relay: of('aws-relay.zip'), worker: of('aws-worker.zip') };
}

/** A route key and the cell's own key, real ones, for this run alone. Names are in the order in which terraform writes JSON. */
function keysOf(cell: string): Pick<Deployment, 'routeKeys' | 'identityKey'> {
  const pair = (kid: string) => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
    return { open: { crv: 'Ed25519', kid, kty: 'OKP', x }, secret: { crv: 'Ed25519', d, kid, kty: 'OKP', x } };
  };
  return { routeKeys: [pair('emulated').open], identityKey: JSON.stringify(pair(`${cell}-emulated`).secret) };
}
