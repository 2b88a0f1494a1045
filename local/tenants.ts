// The tenants as the platform declares them, in infra/tenants.json.
import { readFile } from 'node:fs/promises';
import { isName } from '../core/cell/identity.ts';
import { TIERS, type Tier } from '../core/edge/ports/directory-model.ts';
import { sourceFile } from './source-file.ts';

/** One declared tenant. */
export interface TenantDeclaration {
  readonly id: string;
  /** The jurisdiction that its data must stay in, or `any`. */
  readonly residency: string;
  readonly tier: Tier;
  /** The home that it is meant for; placement chooses another one if that does not run. */
  readonly cell: string;
  /** The standby; `null` for none. */
  readonly standby: string | null;
}

/** Reads the declared tenants. Rejects with an error that names what is wrong with the file. */
export async function declaredTenants(): Promise<readonly TenantDeclaration[]> {
  const tenants: unknown = JSON.parse(await readFile(sourceFile('infra/tenants.json'), 'utf8'));
  if (!Array.isArray(tenants)) throw new Error('infra/tenants.json must be an array of tenants.');
  for (const tenant of tenants as TenantDeclaration[]) {
    const { id, residency, tier, cell, standby } = tenant;
    const valid =
      isName(id) && isName(residency) && TIERS.includes(tier) && isName(cell) && (standby === null || isName(standby));
    if (!valid)
      throw new Error(
        `infra/tenants.json: ${JSON.stringify(tenant)} is no tenant; it needs id, residency, tier, cell and standby.`,
      );
  }
  return tenants as TenantDeclaration[];
}
