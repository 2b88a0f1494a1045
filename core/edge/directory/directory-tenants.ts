// Plans changes to tenants: add, place, pin, isolate and remove.
import {
  type Cell,
  type DirectoryCommand,
  type DirectoryIntent,
  EPOCH_STRIDE,
  epochAfter,
  epochOf,
  failureDomain,
  isServing,
  resolveTenant,
  type StandbyMode,
  type Tenant,
} from '../ports/directory-model.ts';
import {
  candidates,
  cellOf,
  leftIn,
  NOTHING,
  type Plan,
  type PlanContext,
  refused,
  tenantChange,
  tenantOf,
} from './directory-plan.ts';
import { chooseHome, chooseStandby, type Unfit, unfitForHome, unfitForStandby } from './placement.ts';

type Command<K extends DirectoryCommand['kind']> = Extract<DirectoryCommand, { readonly kind: K }>;

const refuseUnfit = (unfit: Unfit | undefined): void => {
  if (unfit !== undefined) throw refused(unfit.code, `${unfit.detail}.`);
};

export function addTenant(context: PlanContext, command: Command<'add-tenant'>): Plan {
  const { tenant: id, residency, tier } = command;
  const known = context.storage.tenant(id);
  if (known !== undefined) {
    const same =
      known.residency === residency &&
      known.tier === tier &&
      (command.cell ?? known.cell) === known.cell &&
      (command.standby === undefined || command.standby === known.standby) &&
      (command.standbyMode ?? modeOf(known)) === modeOf(known);
    if (same) return NOTHING;
    throw refused('tenant_exists', `There is a tenant ${id} with other properties; place it to move it.`);
  }
  const wanted = command.standby == null ? command.standby : cellOf(context, command.standby);
  const home = newHome(context, residency, command.cell, wanted ?? undefined);
  const notes: string[] = [];
  const standby = wanted === undefined ? findStandby(context, id, residency, home, notes) : wanted;
  if (wanted) refuseUnfit(unfitForStandby(wanted, { residency, home }));
  const epochBase = context.storage.epochFloor();
  if (!Number.isSafeInteger(epochBase + EPOCH_STRIDE))
    throw refused('no_capacity', 'The directory has reached the maximum number of removed and added tenants.');
  const added: Tenant = {
    id,
    cell: home.id,
    standby: standby?.id ?? null,
    epochBase,
    residency,
    tier,
    pinned: false,
    ...(command.standbyMode === 'log-only' && { standbyMode: command.standbyMode }),
    revision: context.revision,
  };
  return { changes: [tenantChange(null, added)], moved: 0, notes };
}

const modeOf = ({ standbyMode = 'warm' }: Tenant): StandbyMode => standbyMode;

/** The requested home if it fits, or the best one if none is requested. */
function newHome(context: PlanContext, residency: string, asked: string | undefined, standby: Cell | undefined): Cell {
  if (asked === undefined) {
    const choice = chooseHome(candidates(context), { residency, standby });
    if (choice.status === 'none') throw refused('no_cell_fits', `No cell fits: ${choice.detail}.`);
    return choice.cell;
  }
  const home = cellOf(context, asked);
  refuseUnfit(unfitForHome(home, { residency, standby, homes: () => context.storage.homes(home.id) }));
  return home;
}

/** The best standby. Finding none is not a refusal: the tenant is served, and a note informs the operator. */
function findStandby(
  context: PlanContext,
  tenant: string,
  residency: string,
  home: Cell,
  notes: string[],
): Cell | null {
  const choice = chooseStandby(candidates(context), { residency, home });
  if (choice.status === 'chosen') return choice.cell;
  notes.push(`${tenant} has no standby: ${choice.detail}.`);
  return null;
}

/** The cell that serves the tenant now. */
function servedBy({ storage }: PlanContext, tenant: Tenant): string | null {
  const resolution = resolveTenant(tenant, (id) => storage.cell(id));
  return resolution.status === 'served' ? resolution.cell : null;
}

export function placeTenant(
  context: PlanContext,
  command: Command<'place-tenant'>,
  holdings: DirectoryIntent['holdings'],
): Plan {
  const tenant = tenantOf(context, command.tenant);
  const oldHome = cellOf(context, tenant.cell);
  if (command.ifEpoch !== undefined && command.ifEpoch !== epochOf(tenant, oldHome))
    throw refused(
      'changed_meanwhile',
      `${tenant.id} is at epoch ${epochOf(tenant, oldHome)}, not at ${command.ifEpoch}.`,
    );
  const isMove = command.cell !== undefined && command.cell !== tenant.cell;
  if (isMove && tenant.pinned) throw refused('tenant_pinned', `${tenant.id} is pinned to ${tenant.cell}.`);
  const home = isMove ? newHome(context, tenant.residency, command.cell, undefined) : oldHome;
  const notes: string[] = [];
  const standby = newStandby(context, tenant, home, command.standby, notes);
  if (!isMove && standby === tenant.standby) return NOTHING;

  // Every assignment has its own epochs, even one that moves no tenant now: it decides which cell serves after a failover.
  const epochBase = epochAfter(tenant);
  if (!Number.isSafeInteger(epochBase + EPOCH_STRIDE))
    throw refused('no_capacity', `${tenant.id} has reached the maximum number of placements.`);
  const after: Tenant = { ...tenant, cell: home.id, standby, epochBase, revision: context.revision };
  const before = servedBy(context, tenant);
  const now = servedBy(context, after);
  if (before !== null && now === null)
    throw refused('standby_unavailable', `${tenant.id} would be unserved: its home ${home.id} is ${home.state}.`);
  const isEmpty = now !== null && now !== before && servesEmpty(tenant, after, now);
  const left = leavings(tenant, after, isEmpty).flatMap((cell) => leftIn(cell, holdings) ?? []);
  if (left.length > 0 && command.leaveData !== true)
    throw refused(
      'tenant_has_data',
      isEmpty
        ? `${now} would serve ${tenant.id} at once, as its home ${home.id} is ${home.state}, and without what ${tenant.id} has stored. ${left.join('; ')}. ${waysOut(tenant, now, before)} To serve ${tenant.id} without its data, say leaveData.`
        : `What ${tenant.id} has stored would stay behind. ${left.join('; ')}. To leave it there, say leaveData.`,
    );
  notes.push(...left.map((each) => `What ${tenant.id} has stored stays behind. ${each}.`));
  return { changes: [tenantChange(tenant, after)], moved: before === now ? 0 : 1, notes };
}

export function swapTenant(context: PlanContext, command: Command<'swap-tenant'>): Plan {
  const tenant = tenantOf(context, command.tenant);
  if (tenant.revision !== command.ifTenantRevision)
    throw refused(
      'changed_meanwhile',
      `${tenant.id} is at revision ${tenant.revision}, not at ${command.ifTenantRevision}.`,
    );
  if (tenant.pinned) throw refused('tenant_pinned', `${tenant.id} is pinned to ${tenant.cell}.`);
  if (tenant.standby === null) throw refused('standby_unavailable', `${tenant.id} has no standby.`);
  const [source, target] = [cellOf(context, tenant.cell), cellOf(context, tenant.standby)];
  if (!isServing(source)) throw refused('cell_down', `${source.id} is ${source.state}.`);
  refuseUnfit(
    unfitForHome(target, {
      residency: tenant.residency,
      standby: source,
      homes: () => context.storage.homes(target.id),
    }),
  );
  const epochBase = epochAfter(tenant);
  if (!Number.isSafeInteger(epochBase + EPOCH_STRIDE))
    throw refused('no_capacity', `${tenant.id} has reached the maximum number of placements.`);
  const after: Tenant = { ...tenant, cell: target.id, standby: source.id, epochBase, revision: context.revision };
  return { changes: [tenantChange(tenant, after)], moved: 1, notes: [] };
}

/** Whether the cell that would serve gets nothing of what the tenant has stored before it does: a new standby, whose home is out of service. */
const servesEmpty = (before: Tenant, after: Tenant, now: string): boolean =>
  after.cell === before.cell && now === after.standby && now !== before.standby;

/** What an operator may do in place of having such a cell serve. */
function waysOut({ id, cell, standby, pinned }: Tenant, wanted: string, served: string | null): string {
  const back = `Fail ${cell} back first (npx polycell failover back ${cell})`;
  if (served === null || served !== standby || pinned) return `${back}.`;
  return `${back}; or, if it is lost for good, make ${standby} the home, with what has come to it (npx polycell tenants place ${id} --cell ${standby} --standby ${wanted} --leave-data).`;
}

/**
 * The cells whose data of the tenant no request would reach: its home, if it gets another one, even if that was its standby or the home
 * becomes the standby, as a home need not have what the other one has; its standby, if it is neither any more; and both where a cell would
 * serve that has nothing of either.
 */
function leavings(before: Tenant, after: Tenant, isEmpty: boolean): string[] {
  const standby = before.standby === after.standby || before.standby === after.cell ? null : before.standby;
  return [...(before.cell === after.cell && !isEmpty ? [] : [before.cell]), ...(standby === null ? [] : [standby])];
}

/** The requested standby if it fits; otherwise the present one, or the best one if that does not suit the new home. */
function newStandby(
  context: PlanContext,
  { id, residency, standby }: Tenant,
  home: Cell,
  asked: string | null | undefined,
  notes: string[],
): string | null {
  if (asked === null) return null;
  const present = standby === null ? undefined : cellOf(context, standby);
  if (asked === undefined || asked === standby) {
    if (present === undefined) return null;
    if (failureDomain(present) !== failureDomain(home)) return present.id;
    if (asked === undefined) {
      const found = findStandby(context, id, residency, home, notes);
      if (found !== null)
        notes.push(
          `${id} gets the standby ${found.id}: ${present.id} would be lost together with its home ${home.id}.`,
        );
      return found?.id ?? null;
    }
  }
  const wanted = cellOf(context, asked);
  refuseUnfit(unfitForStandby(wanted, { residency, home }));
  return wanted.id;
}

export function pinTenant(context: PlanContext, { tenant: id, pinned }: Command<'pin-tenant'>): Plan {
  const tenant = tenantOf(context, id);
  if (tenant.pinned === pinned) return NOTHING;
  return { ...NOTHING, changes: [tenantChange(tenant, { ...tenant, pinned, revision: context.revision })] };
}

export function isolateTenant(context: PlanContext, { tenant: id, onIsolation }: Command<'isolate-tenant'>): Plan {
  const tenant = tenantOf(context, id);
  if ((tenant.onIsolation ?? 'serve') === onIsolation) return NOTHING;
  return { ...NOTHING, changes: [tenantChange(tenant, { ...tenant, onIsolation, revision: context.revision })] };
}

/** A new epoch, as with another placement: of two assignments under one epoch cells know only by the second which was signed later. */
export function setStandbyMode(context: PlanContext, command: Command<'set-standby-mode'>): Plan {
  const { tenant: id, standbyMode } = command;
  const tenant = tenantOf(context, id);
  if (modeOf(tenant) === standbyMode) return NOTHING;
  const epochBase = epochAfter(tenant);
  if (!Number.isSafeInteger(epochBase + EPOCH_STRIDE))
    throw refused('no_capacity', `${id} has reached the maximum number of placements.`);
  const notes = tenant.standby === null ? [`${id} has no standby now; this is for the next one.`] : [];
  return {
    ...NOTHING,
    changes: [tenantChange(tenant, { ...tenant, standbyMode, epochBase, revision: context.revision })],
    notes,
  };
}

/** A tenant that is not there may have been removed by the same command: that is no refusal, and the note shows a mistyped name. */
export function removeTenant(context: PlanContext, { tenant: id }: Command<'remove-tenant'>): Plan {
  const tenant = context.storage.tenant(id);
  if (tenant === undefined) return { ...NOTHING, notes: [`There is no tenant ${id}.`] };
  if (tenant.pinned) throw refused('tenant_pinned', `${id} is pinned to ${tenant.cell}; unpin it first.`);
  const cells = [tenant.cell, tenant.standby].filter((cell) => cell !== null).join(' and ');
  return {
    changes: [{ kind: 'tenant', id, before: tenant, after: null }],
    moved: servedBy(context, tenant) === null ? 0 : 1,
    notes: [
      `The data of ${id} are not erased: they stay in ${cells}, and a tenant of that name would find them there.`,
    ],
  };
}
