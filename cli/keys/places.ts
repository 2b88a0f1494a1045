// Where keys are: a running stack takes them at once; of a deployed edge the operator puts them where secrets are, and is shown how.
import type { PrivateKey, PublicKey } from '../../core/ports/keys.ts';
import type { DirectoryCell } from '../directory.ts';
import type { StackClient } from '../stack-client.ts';

/** The commands by which an operator does what this program has no right to do; none if it is done. */
export type Instructions = readonly string[];

/** Puts keys where they belong. */
export interface KeyPlace {
  /** Has these cells verify by these keys of the edge. */
  accept(cells: readonly string[], keys: readonly PublicKey[]): Promise<Instructions>;
  /** Has the edge sign with this key, which is also in this file. */
  sign(key: PrivateKey, file: string): Promise<Instructions>;
  /** Has the cell sign with this key, which is also in this file. */
  prove(cell: string, key: PrivateKey, file: string): Promise<Instructions>;
}

/** A running stack. */
export const stackPlace = (stack: StackClient): KeyPlace => ({
  async accept(cells, keys) {
    for (const cell of cells) await stack.order(`/keys/accept?cell=${cell}`, { keys });
    return [];
  },
  async sign(key) {
    await stack.order('/keys/sign', { key });
    return [];
  },
  async prove(cell, key) {
    await stack.order(`/keys/identity?cell=${cell}`, { key });
    return [];
  },
});

/** Characters that a shell takes as they are. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const storing = ({ cloud }: Pick<DirectoryCell, 'cloud'>, name: string, file: string): string =>
  cloud === 'azure'
    ? `az keyvault secret set --vault-name VAULT --name ${name} --file ${quoted(file)}`
    : `aws secretsmanager put-secret-value --secret-id polycell/ENVIRONMENT/${name} --secret-string file://${quoted(file)}`;

const applying = (cell: string): string => `terraform -chdir=infra/live/${cell} apply`;

/** A deployed edge with these cells; `worker` is the name of its Worker. Private keys are named by their files and never printed. */
export const deployedPlace = (cells: readonly DirectoryCell[], worker: string): KeyPlace => ({
  async accept(ids, keys) {
    const value = quoted(JSON.stringify(keys));
    return [
      '# The pipeline: set its variable, and deploy the cells, one after the other.',
      `gh variable set ROUTE_KEYS --env ENVIRONMENT --body ${value}`,
      'gh workflow run deploy.yml',
      '# Or by hand, with the other variables of docs/deploy.md (The first cell):',
      `export TF_VAR_route_keys=${value}`,
      ...ids.map(applying),
    ];
  },
  async sign(_key, file) {
    const clouds = [...new Map(cells.map((cell) => [cell.cloud, cell])).values()];
    return [
      '# Keep it where secrets are, and have the edge sign with it.',
      ...clouds.map((cell) => storing(cell, 'route-key', file)),
      `npx wrangler secret put APP_ROUTE_KEY --name ${worker} < ${quoted(file)}`,
    ];
  },
  async prove(id, _key, file) {
    const cell = cells.find((each) => each.id === id) ?? { cloud: 'aws' };
    return [
      '# Put it where the pipeline reads it, and deploy the cell: by the pipeline, or by hand as docs/deploy.md has it.',
      storing(cell, `identity-${id}`, file),
      `export TF_VAR_identity_key="$(cat ${quoted(file)})"`,
      applying(id),
    ];
  },
});
