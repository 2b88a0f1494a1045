// The directory on its storage: validates commands, plans them against the invariants, and writes each atomically with its audit entry.
import { type DirectoryRefusal, Refusal } from '../../api/refusal.ts';
import { isName } from '../../cell/identity.ts';
import type { Clock } from '../../ports/clock.ts';
import { PortError } from '../../ports/errors.ts';
import { type CellOverview, DIRECTORY_PAGE, type Directory, type DirectoryPage } from '../ports/directory.ts';
import {
  type AuditEntry,
  type DirectoryChange,
  type DirectoryCommand,
  type DirectoryIntent,
  type DirectoryOutcome,
  type DirectoryRecord,
  epochAfter,
  MONITOR,
  type Proposal,
  type Tenant,
} from '../ports/directory-model.ts';
import type { DirectoryStorage } from '../ports/directory-storage.ts';
import { addCell, drainCell, failBack, failOver, resumeCell, retireCell } from './directory-cells.ts';
import { commandFaults, type FieldFault, intentFaults } from './directory-checks.ts';
import { loadOf, type Plan, type PlanContext, refused } from './directory-plan.ts';
import {
  addTenant,
  isolateTenant,
  pinTenant,
  placeTenant,
  removeTenant,
  setStandbyMode,
  swapTenant,
} from './directory-tenants.ts';
import { effectsAfter, grantLease, withEffectsFrom } from './leases.ts';
import { openProposals, PROPOSAL_LIMITS } from './proposals.ts';

/** Entries of the audit log searched for an already recorded refusal, so that a retrying monitor does not fill the log. */
export const REFUSALS_REMEMBERED = 100;

export interface DirectoryDeps {
  readonly storage: DirectoryStorage;
  readonly clock: Clock;
}

/**
 * Returns the directory. Its methods await nothing between reading and writing, so each is atomic as long as there is one caller at
 * a time.
 */
export function createDirectory({ storage, clock }: DirectoryDeps): Directory {
  const entryOf = (
    revision: number,
    command: DirectoryCommand,
    { actor, reason }: DirectoryIntent,
    rest: Pick<AuditEntry, 'outcome' | 'refusal' | 'changes' | 'approves'>,
  ): AuditEntry => ({ revision, at: new Date(clock.now()).toISOString(), actor, reason, command, ...rest });

  const proposals = (): readonly Proposal[] =>
    openProposals(
      storage.audit({ limit: PROPOSAL_LIMITS.entries }).map(({ entry }) => entry),
      clock.now(),
    );

  /** The proposal that this operator may approve. */
  const approvable = (id: number, { actor }: DirectoryIntent): Proposal => {
    const proposal = proposals().find((each) => each.id === id);
    if (proposal === undefined)
      throw refused('unknown_proposal', `No change ${id} waits for approval: it was approved, or it has expired.`);
    if (proposal.actor === actor)
      throw refused('own_proposal', `${actor} has proposed it: another operator must approve it.`);
    return proposal;
  };

  /** Records a change for another operator to approve; the same change again by the same operator changes nothing. */
  const propose = (
    command: DirectoryCommand,
    intent: DirectoryIntent,
    { changes, moved: movedTenants, notes }: Plan,
    revision: number,
  ): DirectoryOutcome => {
    const open = proposals();
    const same = open.find(
      (each) => each.actor === intent.actor && JSON.stringify(each.command) === JSON.stringify(command),
    );
    const rest = { status: 'proposed', changes, movedTenants, notes } as const;
    if (same !== undefined) return { ...rest, revision: revision - 1, proposal: same };
    if (open.length >= PROPOSAL_LIMITS.waiting)
      throw refused('too_many_proposals', `${PROPOSAL_LIMITS.waiting} changes wait for approval.`);
    const entry = entryOf(revision, command, intent, { outcome: 'proposed', changes: [] });
    storage.write([], entry);
    const [proposal] = openProposals([entry], clock.now());
    if (proposal === undefined) throw new TypeError('A proposal is open when it is made.');
    return { ...rest, revision, proposal };
  };

  /** Records an order that changes no record; the same one again changes nothing. */
  const note = (
    command: Extract<DirectoryCommand, { readonly kind: 'erase-data' }>,
    intent: DirectoryIntent,
    revision: number,
  ): DirectoryOutcome => {
    const rest = { changes: [], movedTenants: 0, notes: [] };
    const isNoted = storage
      .audit({ limit: REFUSALS_REMEMBERED })
      .some(({ entry }) => entry.command.kind === 'erase-data' && entry.command.erasure === command.erasure);
    if (isNoted) return { status: 'unchanged', revision: revision - 1, ...rest };
    if (intent.dryRun === true) return { status: 'previewed', revision: revision - 1, ...rest };
    storage.write([], entryOf(revision, command, intent, { outcome: 'applied', changes: [] }));
    return { status: 'applied', revision, ...rest };
  };

  const decide = (command: DirectoryCommand, intent: DirectoryIntent): DirectoryOutcome => {
    const faults = [...commandFaults(command), ...intentFaults(intent)];
    if (faults.length > 0) return { status: 'refused', code: 'invalid_command', detail: describeFaults(faults) };
    const known = storage.revision();
    if (intent.ifRevision !== undefined && intent.ifRevision !== known)
      return {
        status: 'refused',
        code: 'changed_meanwhile',
        detail: `The directory is at revision ${known}, not at ${intent.ifRevision}.`,
      };
    const revision = known + 1;
    if (command.kind === 'erase-data') return note(command, intent, revision);
    const proposal = command.kind === 'approve-change' ? approvable(command.proposal, intent) : undefined;
    const wanted = proposal?.command ?? command;
    const planned = planOf({ storage, revision }, wanted, intent);
    const plan = { ...planned, changes: withEffectsFrom(storage, planned.changes, clock.now()) };
    const { changes, moved: movedTenants, notes } = plan;
    if (changes.length === 0) return { status: 'unchanged', revision: known, changes, movedTenants, notes };
    if (intent.dryRun === true) return { status: 'previewed', revision: known, changes, movedTenants, notes };
    if (intent.propose === true && proposal === undefined) return propose(command, intent, plan, revision);
    storage.write(
      changes.map((change) => recordOf(storage, change, revision)),
      entryOf(revision, wanted, intent, { outcome: 'applied', changes, ...(proposal && { approves: proposal.id }) }),
    );
    return { status: 'applied', revision, changes, movedTenants, notes };
  };

  /** Records a refused failover of the monitor once for each state of the directory. */
  const recordRefusal = (
    command: DirectoryCommand,
    intent: DirectoryIntent,
    { code, message }: Refusal<DirectoryRefusal>,
  ): void => {
    if (intent.actor !== MONITOR || intent.dryRun === true || command.kind !== 'fail-over') return;
    const revision = storage.revision();
    const isTold = storage
      .audit({ limit: REFUSALS_REMEMBERED })
      .some(
        ({ entry }) =>
          entry.revision === revision &&
          entry.refusal?.detail === message &&
          entry.command.kind === 'fail-over' &&
          entry.command.cell === command.cell,
      );
    if (isTold) return;
    storage.write(
      [],
      entryOf(revision, command, intent, { outcome: 'refused', refusal: { code, detail: message }, changes: [] }),
    );
  };

  return {
    lookup: async (id) => {
      const tenant = isName(id) ? storage.tenant(id) : undefined;
      if (tenant === undefined) return { tenant: null, cells: [], revision: storage.revision() };
      const cells = [tenant.cell, tenant.standby].flatMap((cell) => (cell === null ? [] : (storage.cell(cell) ?? [])));
      return { tenant, cells };
    },

    cells: async () => storage.cells().map((cell): CellOverview => ({ cell, ...loadOf(storage, cell.id) })),

    tenants: async ({ cell, limit, cursor }) => {
      const query = `t.${cell ?? ''}.`;
      const after = openCursor(query, cursor);
      const found = storage.tenants({
        ...(cell !== undefined && { cell }),
        ...(after !== undefined && { after }),
        limit: checkedLimit(limit) + 1,
      });
      return toPage(found, limit, ({ id }) => query + id);
    },

    change: async (command, intent) =>
      storage.atomically(() => {
        try {
          return decide(command, intent);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          recordRefusal(command, intent, error);
          return { status: 'refused', code: error.code, detail: error.message };
        }
      }),

    lease: async (request) => storage.atomically(() => grantLease(storage, request, clock.now())),

    audit: async ({ limit, cursor }) => {
      const text = openCursor('a.', cursor);
      const before = Number(text);
      if (text !== undefined && !(/^\d{1,16}$/.test(text) && Number.isSafeInteger(before))) throw foreignCursor();
      const found = storage.audit({ ...(text !== undefined && { before }), limit: checkedLimit(limit) + 1 });
      const { items, next } = toPage(found, limit, ({ sequence }) => `a.${sequence}`);
      return { items: items.map(({ entry }) => entry), next };
    },
  };
}

function planOf(
  context: PlanContext,
  command: DirectoryCommand,
  { proof, holdings, behind }: Pick<DirectoryIntent, 'proof' | 'holdings' | 'behind'>,
): Plan {
  switch (command.kind) {
    case 'add-cell':
      return addCell(context, command.cell, proof);
    case 'drain-cell':
      return drainCell(context, command.cell);
    case 'resume-cell':
      return resumeCell(context, command.cell);
    case 'retire-cell':
      return retireCell(context, command, holdings);
    case 'add-tenant':
      return addTenant(context, command);
    case 'place-tenant':
      return placeTenant(context, command, holdings);
    case 'swap-tenant':
      return swapTenant(context, command);
    case 'pin-tenant':
      return pinTenant(context, command);
    case 'isolate-tenant':
      return isolateTenant(context, command);
    case 'set-standby-mode':
      return setStandbyMode(context, command);
    case 'remove-tenant':
      return removeTenant(context, command);
    case 'fail-over':
      return failOver(context, command);
    case 'fail-back':
      return failBack(context, command, behind);
    case 'erase-data':
    case 'approve-change':
      throw new TypeError('It has no plan of its own.');
  }
}

/** What a change writes. Only tenants are removed. */
function recordOf(
  storage: DirectoryStorage,
  { kind, id, before, after: value }: DirectoryChange,
  revision: number,
): DirectoryRecord {
  if (value !== null) return { kind, value } as DirectoryRecord;
  const removed = before as Tenant;
  const floors = { epochFloor: epochAfter(removed), effectsFrom: effectsAfter(storage, removed) };
  return { kind: 'removed-tenant', value: { id, ...floors, revision } };
}

const describeFaults = (faults: readonly FieldFault[]): string =>
  `${faults.map(({ field, detail }) => `${field}: ${detail}`).join('; ')}.`;

const foreignCursor = () => new PortError('invalid', 'The cursor belongs to another query.');

/** A cursor is its query and the end of the previous page; names contain no dots, so no two queries share a prefix. */
function openCursor(query: string, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  if (typeof cursor !== 'string' || !cursor.startsWith(query) || cursor.length === query.length) throw foreignCursor();
  const position = cursor.slice(query.length);
  if (!isName(position)) throw foreignCursor();
  return position;
}

function checkedLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > DIRECTORY_PAGE)
    throw new PortError('invalid', `A page has 1 to ${DIRECTORY_PAGE} items.`);
  return limit;
}

/** `found` has one more item than the page if there is another page. */
function toPage<T>(found: readonly T[], limit: number, cursorAt: (last: T) => string): DirectoryPage<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? cursorAt(last) : null };
}
