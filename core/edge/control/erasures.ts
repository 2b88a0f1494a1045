// The part of the control API that erases: what an operator orders goes to the erasures, whose refusals are their own.
import { Refusal } from '../../api/refusal.ts';
import { isName } from '../../cell/identity.ts';
import { isSubject } from '../../events/subject.ts';
import { parseTime } from '../../events/time.ts';
import { readParameters } from '../../http/parameters.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { JsonObject } from '../../ports/json.ts';
import type { Log } from '../../ports/log.ts';
import { type Field, reasonField, shape } from '../directory/directory-checks.ts';
import type { Directory } from '../ports/directory.ts';
import type { DirectoryCommand, DirectoryIntent, Tenant } from '../ports/directory-model.ts';
import type { ErasureAnswer, Erasures } from '../ports/erasures.ts';
import { controlRoutes } from './control-routes.ts';

const subject: Field = {
  schema: { type: 'string' },
  fits: isSubject,
  says: 'a subject: 1 to 128 of A-Z a-z 0-9 . _ : ~ @ + -',
};

const until: Field = {
  schema: { type: 'string', format: 'date-time' },
  fits: (value) => typeof value === 'string' && parseTime(value) !== undefined,
  says: 'a time in RFC 3339',
};

/** The fields of an order. */
export const ERASE_SHAPE = shape({ reason: reasonField }, { subject, until });
export const REPLAY_SHAPE = shape({ reason: reasonField });

type RouteName = 'eraseData' | 'erasures' | 'erasure' | 'cellErasures' | 'replayErasures';

/** What the handlers read of a call. */
interface ErasureCall {
  readonly query: URLSearchParams;
  readonly id: string;
  readonly operator: { readonly subject: string };
  /** The body, whose fields are those of this shape. */
  readonly fields: (shape: typeof ERASE_SHAPE) => Promise<JsonObject>;
}

/** Returns what asks the erasures, which may be away. */
function asking(log: Log) {
  return async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!isPortError(error)) throw error;
      log.warn('the erasures do not answer', describeError(error));
      throw new Refusal('mover_unavailable', 'What was ordered may have been noted: look before you repeat it.', {
        retryAfterSeconds: 2,
      });
    }
  };
}

const given = <T>(answer: ErasureAnswer<T>): T => {
  if ('refused' in answer) throw new Refusal(answer.refused, answer.detail);
  return answer.value;
};

/**
 * Returns a function by which cells that a command gives a tenant to know first what was erased of it; it resolves with what the command has
 * to carry, so that it gives the tenant to no others.
 */
export function erasuresFirst(
  erasures: Pick<Erasures, 'erasures' | 'bringErasures'>,
  directory: Pick<Directory, 'change'>,
  log: Log,
): (command: DirectoryCommand, intent: DirectoryIntent) => Promise<Pick<DirectoryIntent, 'ifRevision'>> {
  const asked = asking(log);
  return async (command, intent) => {
    if ((command.kind !== 'add-tenant' && command.kind !== 'place-tenant') || !isName(command.tenant)) return {};
    const { items } = await asked(erasures.erasures({ limit: 1, tenant: command.tenant }));
    if (items.length === 0 || intent.dryRun === true) return {};
    const preview = await directory.change(command, { ...intent, dryRun: true });
    const [change] = preview.status === 'previewed' ? preview.changes : [];
    if (preview.status === 'refused' || change?.after == null) return {};
    const { cell, standby } = change.after as Tenant;
    given(await asked(erasures.bringErasures(command.tenant, standby === null ? [cell] : [cell, standby])));
    return { ifRevision: preview.revision };
  };
}

/** Returns a check that a cell knows all that was erased in it, before it serves again. */
export function knowsErasures(erasures: Pick<Erasures, 'cellErasures'>, log: Log): (cell: string) => Promise<void> {
  const asked = asking(log);
  return async (cell) => {
    const { unmarked } = await asked(erasures.cellErasures(cell));
    if (unmarked === 0) return;
    throw new Refusal(
      'erasure_under_way',
      `${cell} does not know ${unmarked} erasures yet, and would take events that are erased.`,
      {
        retryAfterSeconds: 2,
      },
    );
  };
}

/** Returns the handlers. */
export function erasureHandlers(
  erasures: Erasures,
  requireCell: (id: string) => Promise<unknown>,
  log: Log,
): Readonly<Record<RouteName, (call: ErasureCall) => Promise<unknown>>> {
  const asked = asking(log);
  return {
    eraseData: async ({ query, id, operator, fields }) => {
      const { dryRun } = readParameters(controlRoutes.eraseData.parameters, query);
      const { reason, subject: of = null, until: to } = await fields(ERASE_SHAPE);
      if (!isName(id)) throw new Refusal('unknown_tenant', 'No tenant has such a name.');
      const order = {
        ...{ tenant: id, subject: of as string | null, actor: operator.subject, reason: String(reason) },
        ...(to !== undefined && { until: String(to) }),
      };
      return given(await asked(erasures.erase(order, dryRun === '1')));
    },
    erasures: async ({ query }) => {
      const { tenant, limit, cursor } = readParameters(controlRoutes.erasures.parameters, query);
      return asked(erasures.erasures({ limit, cursor, tenant }));
    },
    erasure: async ({ query, id }) => {
      readParameters(controlRoutes.erasure.parameters, query);
      const found = await asked(erasures.erasure(id));
      if (found !== null) return found;
      throw new Refusal('unknown_erasure', `There is no erasure ${JSON.stringify(id.slice(0, 64))}.`);
    },
    cellErasures: async ({ query, id }) => {
      readParameters(controlRoutes.cellErasures.parameters, query);
      await requireCell(id);
      return asked(erasures.cellErasures(id));
    },
    replayErasures: async ({ query, id, operator, fields }) => {
      readParameters(controlRoutes.replayErasures.parameters, query);
      const { reason } = await fields(REPLAY_SHAPE);
      await requireCell(id);
      log.info('erasures are replayed', { cell: id, actor: operator.subject, reason: String(reason) });
      return asked(erasures.replayErasures(id));
    },
  };
}
