// `polycell cells evacuate`: drains a cell and moves every tenant away from it, so that it can be retired.
import type { DirectoryOutcome, Tenant } from '../core/edge/ports/directory-model.ts';
import { RefusedError, UserError } from './command.ts';
import { type ActionContext, confirmed, idOf, leavingData, queryOf, revisionOf, withLeaveData } from './directory.ts';

type Outcome = Exclude<DirectoryOutcome, { status: 'refused' }>;

/** Maximum number of tenants moved by one command; repeat it for the rest. */
const TENANTS = 10_000;

/** Tenants of one page of the listing. */
const PAGE = 200;

/** Drains the cell, then gives each of its tenants another home, and each tenant that has it as standby another standby. */
export async function evacuate(context: ActionContext): Promise<number> {
  const { control, json, out, err, options } = context;
  const cell = idOf(context, 'cell');
  const to = typeof options.to === 'string' ? options.to : undefined;
  const reason = typeof options.reason === 'string' ? options.reason : context.commandLine;
  const others = await othersThan(context, cell);
  if (to !== undefined && !others.includes(to))
    throw new UserError(
      `${JSON.stringify(to)} cannot take tenants of ${cell}; other active cells are ${others.join(', ') || 'none'}.`,
    );
  const dryRun = options['dry-run'] === true;
  const drain = async (preview: boolean, ifRevision: number | undefined) =>
    (await control('POST', `cells/${cell}/drain${queryOf(preview, ifRevision)}`, { reason })) as Outcome;
  const agreed = revisionOf(options);
  const preview = async (): Promise<Outcome> => {
    const outcome = await drain(true, agreed);
    const shown = { ...options, 'dry-run': true, 'if-revision': String(outcome.revision) };
    await evacuate({ ...context, options: shown, json: false, out: err });
    return outcome;
  };
  const confirmedAt = dryRun ? agreed : await confirmed(context, preview);
  const began = await drain(dryRun, confirmedAt);
  // From a confirmed revision on, each step carries that of the one before: a change in between ends the command. Nothing may
  // change during a preview either.
  const isChained = dryRun || confirmedAt !== undefined;
  let revision = isChained ? began.revision : undefined;
  const affected = await tenantsAt(context, cell);
  let moved = 0;
  for (const tenant of affected) {
    const places = tenant.cell === cell ? homesFor(tenant, to) : standbysFor(tenant, others);
    const outcome = await firstAccepted(tenant.id, places, async (place) => {
      return (await control('POST', `tenants/${tenant.id}/place${queryOf(dryRun, revision)}`, {
        ...place,
        ...leavingData(context),
        reason,
      })) as Outcome;
    });
    if (typeof outcome === 'string') {
      err(`${tenant.id} stays: ${outcome}`);
      continue;
    }
    moved += 1;
    if (isChained) revision = outcome.revision;
    const { cell: home, standby } = { ...tenant, ...(outcome.changes[0]?.after as Partial<Tenant> | undefined) };
    if (!json) out(`${tenant.id}: home ${home}, standby ${standby ?? 'none'}`);
  }
  const left = affected.length - moved;
  const total = `${moved} ${dryRun ? `would move at revision ${began.revision}` : 'moved'}, ${left} left at ${cell}.`;
  out(json ? JSON.stringify({ cell, moved, left, revision: revision ?? began.revision }) : total);
  return left === 0 ? 0 : 1;
}

async function othersThan({ control }: ActionContext, id: string): Promise<readonly string[]> {
  const { items } = await control('GET', 'cells');
  return items.filter((cell) => cell.id !== id && cell.state === 'active').map((cell) => cell.id);
}

/** Collected before any of them is moved: moving changes the listing. */
async function tenantsAt({ control }: ActionContext, cell: string): Promise<readonly Tenant[]> {
  const found: Tenant[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== null && { cursor }) });
    const page = await control('GET', `tenants?${query}`);
    found.push(...page.items.filter((tenant) => tenant.cell === cell || tenant.standby === cell));
    cursor = page.next;
  } while (cursor !== null && found.length < TENANTS);
  return found.slice(0, TENANTS);
}

type Place = { readonly cell?: string; readonly standby?: string | null };

/** Its standby knows the tenant's epochs: the tenant moves there unless `--to` names another cell. */
function homesFor({ standby }: Tenant, to: string | undefined): readonly Place[] {
  const home = to ?? standby;
  return home === null ? [] : [{ cell: home }, { cell: home, standby: null }];
}

const standbysFor = ({ cell }: Tenant, others: readonly string[]): readonly Place[] => [
  ...others.filter((id) => id !== cell).map((standby) => ({ standby })),
  { standby: null },
];

/** The outcome of the first place that is not refused, or why the first one was. */
async function firstAccepted(
  tenant: string,
  places: readonly Place[],
  put: (place: Place) => Promise<Outcome>,
): Promise<Outcome | string> {
  let refusal = 'it has no standby to move to; name a cell with --to.';
  for (const [index, place] of places.entries()) {
    try {
      return await put(place);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code === 'changed_meanwhile') throw error;
      if (index > 0) continue;
      refusal =
        error.code === 'tenant_has_data'
          ? `${withLeaveData(error).message} To take it along: npx polycell tenants move ${tenant} --to CELL.`
          : error.message;
    }
  }
  return refusal;
}
