// `polycell cells evacuate`: drains a cell and moves every tenant away from it, with its events, so that it can be retired.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectoryOutcome, Tenant } from '../core/edge/ports/directory-model.ts';
import type { MoveView } from '../core/edge/ports/mover.ts';
import { mapConcurrently } from '../core/lib/concurrently.ts';
import { RefusedError, UserError, wholeNumber } from './command.ts';
import { type ActionContext, confirmed, idOf, leavingData, queryOf, revisionOf, withLeaveData } from './directory.ts';
import { LOOK_MS, UNANSWERED_LOOKS } from './move-watch.ts';
import { patientLook } from './patient-look.ts';

type Outcome = Exclude<DirectoryOutcome, { status: 'refused' }>;

/** Maximum number of tenants moved by one command; repeat it for the rest. */
const TENANTS = 10_000;

/** Tenants of one page of the listing. */
const PAGE = 200;

/** Tenants that are under way at the same time, unless it is said, and at most: the mover has room for a hundred. */
const PARALLEL = { usual: 10, most: 50 } as const;

/** The number of looks at a move: two days of them. */
const LOOKS = 172_800;

/** Progress is said this often, in milliseconds. */
const SAY_MS = 5000;

const WITHOUT_STANDBY = 'it has no standby to move to; name a cell with --to.';

/**
 * Drains the cell, then has each tenant that has it as its home or standby leave it, with its events; with `--leave-data` they are only
 * assigned to other cells.
 */
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
  const parallel = wholeNumber(options, 'parallel', PARALLEL.usual, 1, PARALLEL.most);
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
  const { tenants: affected, more } = await tenantsAt(context, cell);
  let moved = 0;
  const place = async (tenant: Tenant, ifRevision: number | undefined): Promise<Outcome | undefined> => {
    const places = tenant.cell === cell ? homesFor(tenant, to) : standbysFor(tenant, others);
    const outcome = await firstAccepted(places, async (each) => {
      const body = { ...each, ...leavingData(context), reason };
      return (await control('POST', `tenants/${tenant.id}/place${queryOf(dryRun, ifRevision)}`, body)) as Outcome;
    });
    if (typeof outcome === 'string') {
      err(`${tenant.id} stays: ${outcome}`);
      return undefined;
    }
    moved += 1;
    const { cell: home, standby } = { ...tenant, ...(outcome.changes[0]?.after as Partial<Tenant> | undefined) };
    if (!json) out(`${tenant.id}: home ${home}, standby ${standby ?? 'none'}`);
    return outcome;
  };

  const isAssigned = options['leave-data'] === true;
  for (const tenant of isAssigned ? affected : []) {
    const outcome = await place(tenant, revision);
    if (isChained && outcome !== undefined) revision = outcome.revision;
  }
  const leaving = isAssigned ? [] : affected;
  const progress = progressOf(leaving.length, err);
  // Each move is checked as it is ordered, and changes the directory several times.
  await mapConcurrently(leaving, parallel, async (tenant) => {
    // A tenant that has the cell as its standby stays in its home, and only leaves the cell.
    const home = tenant.cell === cell ? (to ?? tenant.standby) : tenant.cell;
    const stays = await takenAlong(context, tenant, { from: cell, to: home, reason, dryRun, progress });
    progress.ended(tenant.id);
    if (stays === 'without keys') await place(tenant, undefined);
    else if (stays !== undefined) err(`${tenant.id} stays: ${stays}`);
    else moved += 1;
  });
  const left = affected.length - moved;
  const total = `${moved} ${dryRun ? `would move at revision ${began.revision}` : 'moved'}, ${left} left at ${cell}${more ? ', and there are more: repeat the command' : ''}.`;
  out(json ? JSON.stringify({ cell, moved, left, more, revision: revision ?? began.revision }) : total);
  return left === 0 && !more ? 0 : 1;
}

interface Order {
  readonly from: string;
  readonly to: string | null;
  readonly reason: string;
  readonly dryRun: boolean;
  readonly progress: Progress;
}

/**
 * Has a tenant moved with its events, and waits until the cell that it leaves is none of its cells any more. Resolves with why it stays;
 * `without keys` if its cells believe no other cell, so that nothing can be sent.
 */
async function takenAlong(
  { control, json, out, err }: ActionContext,
  { id }: Tenant,
  { from, to, reason, dryRun, progress }: Order,
): Promise<string | undefined> {
  if (to === null) return WITHOUT_STANDBY;
  try {
    let move = (await control('POST', `tenants/${id}/move${queryOf(dryRun, undefined)}`, {
      ...{ to, leave: true, reason },
    })) as MoveView;
    if (dryRun) {
      if (!json) out(`${id}: home ${to}, once it has all events, and another standby`);
      return undefined;
    }
    const look = patientLook(
      () => control('GET', `moves/${id}`) as Promise<MoveView>,
      UNANSWERED_LOOKS,
      (message) => err(`${id}: it is not known how far it is: ${message}`),
    );
    for (let looks = 0; looks < LOOKS; looks += 1) {
      progress.at(move);
      if (move.state === 'aborted') return `its move was aborted: ${move.problem ?? 'by an operator'}`;
      if (move.paused) return `its move rests at ${move.state} (npx polycell moves resume ${id})`;
      if (move.state === 'sealed') {
        const { cell, standby } = await control('GET', `tenants/${id}`);
        // By an operator, before the standby was changed, or after another one had it brought back.
        if (cell === from || standby === from)
          return `its move was sealed before it had left ${from}; repeat the command.`;
        if (!json) out(`${id}: home ${cell}, standby ${standby ?? 'none'}`);
        return undefined;
      }
      await sleep(LOOK_MS);
      move = (await look()) ?? move;
    }
    return `its move is at ${move.state} still (npx polycell moves show ${id})`;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return error.code === 'endpoint_unproved' ? 'without keys' : error.message;
  }
}

interface Progress {
  /** Takes in how far a move is. */
  at(move: MoveView): void;
  /** The tenant is gone, or stays. */
  ended(tenant: string): void;
}

/** Says how many tenants are at which step, at most every few seconds, and at once why one does not get on. */
function progressOf(total: number, err: (line: string) => void): Progress {
  const under = new Map<string, MoveView>();
  let done = 0;
  let saidAt = Number.NEGATIVE_INFINITY;
  const say = (): void => {
    if (under.size === 0 || performance.now() - saidAt < SAY_MS) return;
    saidAt = performance.now();
    const steps = new Map<string, number>();
    for (const { state } of under.values()) steps.set(state, (steps.get(state) ?? 0) + 1);
    const text = [...steps].map(([state, count]) => `${count} ${state}`).join(', ');
    err(`${done} of ${total} tenants done; under way: ${text}`);
  };
  return {
    at(move) {
      const before = under.get(move.tenant);
      if (move.problem !== null && move.problem !== before?.problem) err(`${move.tenant} waits: ${move.problem}`);
      under.set(move.tenant, move);
      say();
    },
    ended(tenant) {
      under.delete(tenant);
      done += 1;
    },
  };
}

async function othersThan({ control }: ActionContext, id: string): Promise<readonly string[]> {
  const { items } = await control('GET', 'cells');
  return items.filter((cell) => cell.id !== id && cell.state === 'active').map((cell) => cell.id);
}

/** Collected before any of them is moved: moving changes the listing. `more` if one command does not move them all. */
async function tenantsAt(
  { control }: ActionContext,
  cell: string,
): Promise<{ readonly tenants: readonly Tenant[]; readonly more: boolean }> {
  const found: Tenant[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== null && { cursor }) });
    const page = await control('GET', `tenants?${query}`);
    found.push(...page.items.filter((tenant) => tenant.cell === cell || tenant.standby === cell));
    cursor = page.next;
  } while (cursor !== null && found.length <= TENANTS);
  return { tenants: found.slice(0, TENANTS), more: found.length > TENANTS };
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
  places: readonly Place[],
  put: (place: Place) => Promise<Outcome>,
): Promise<Outcome | string> {
  let refusal = WITHOUT_STANDBY;
  for (const [index, place] of places.entries()) {
    try {
      return await put(place);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code === 'changed_meanwhile') throw error;
      // What would stay behind is the same wherever it goes.
      if (error.code === 'tenant_has_data') return withLeaveData(error).message;
      if (index === 0) refusal = error.message;
    }
  }
  return refusal;
}
