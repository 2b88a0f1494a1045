// The part of the control API that moves tenants: what an operator orders goes to the mover, whose refusals are its own.
import { Refusal } from '../../api/refusal.ts';
import { isName } from '../../cell/identity.ts';
import { readParameters } from '../../http/parameters.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { JsonObject } from '../../ports/json.ts';
import type { Log } from '../../ports/log.ts';
import { type Field, reasonField, shape } from '../directory/directory-checks.ts';
import { isBeforeSwitch, isOver } from '../mover/move.ts';
import { type MoveAction, type Mover, type MoverAnswer, type MoveView, STEPS, type Step } from '../ports/mover.ts';
import { type ControlRouteName, controlRoutes } from './control-routes.ts';

/** Events a second: no cell sends more. */
const MAXIMUM_RATE = 1_000_000;

const cell: Field = {
  schema: { type: 'string' },
  fits: isName,
  says: 'the id of a cell',
};

const rate: Field = {
  schema: { type: 'integer', minimum: 1, maximum: MAXIMUM_RATE },
  fits: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAXIMUM_RATE,
  says: `a whole number from 1 to ${MAXIMUM_RATE}`,
};

/** It pauses before one of these; the first one is where it begins, and the last one is ordered or waited for. */
const PAUSES = STEPS.slice(1, -1);

const pauseBefore: Field = {
  schema: { type: 'string', enum: PAUSES },
  fits: (value) => PAUSES.includes(value as Step),
  says: `one of ${PAUSES.join(', ')}`,
};

const leave: Field = {
  schema: { const: true },
  fits: (value) => value === true,
  says: 'true, or left out',
};

/** The fields of the bodies. */
export const MOVE_SHAPE = shape({ reason: reasonField, to: cell }, { rate, pauseBefore, leave });
export const MOVE_ACTION_SHAPE = shape({ reason: reasonField });

/** The routes, by what they do. */
export const MOVE_ROUTES = {
  pauseMove: 'pause',
  resumeMove: 'resume',
  abortMove: 'abort',
  reverseMove: 'reverse',
  sealMove: 'seal',
} as const satisfies Partial<Record<ControlRouteName, MoveAction>>;

type MoveRouteName = 'moves' | 'move' | 'moveTenant' | keyof typeof MOVE_ROUTES;

/** What the handlers read of a call. */
interface MoveCall {
  readonly query: URLSearchParams;
  readonly id: string;
  readonly operator: { readonly subject: string };
  /** The body, whose fields are those of this shape. */
  readonly fields: (shape: typeof MOVE_SHAPE) => Promise<JsonObject>;
}

/** What an operator can do about a move that is in the way of something else. */
const wayOut = (move: MoveView): string => {
  const act = (action: MoveAction) => `npx polycell moves ${action} ${move.tenant}`;
  if (isBeforeSwitch(move)) return `Wait for it, or end it with ${act('abort')}`;
  if (move.state === 'verified') return `End it with ${act('seal')}, or bring the tenant back with ${act('reverse')}`;
  return `Wait until it is verified (npx polycell moves watch ${move.tenant}), then end it with ${act('seal')}; if ${move.from} is lost for good, say leaveData`;
};

/**
 * Returns a check that a tenant is not under way to another cell: an order that places it would end or hold up the move. What the source has
 * let in last may be left deliberately between the switch and the verification, as the source may never answer again.
 */
export function unmoved(mover: Pick<Mover, 'show'>, log: Log): (tenant: string, leaveData: boolean) => Promise<void> {
  return async (tenant, leaveData) => {
    const move = await mover.show(tenant).catch((error: unknown) => {
      if (!isPortError(error)) throw error;
      log.warn('the mover does not answer', describeError(error));
      throw new Refusal('mover_unavailable', `Whether ${tenant} is being moved is not known, so nothing was changed.`, {
        retryAfterSeconds: 2,
      });
    });
    if (move === null || isOver(move)) return;
    if (leaveData && !isBeforeSwitch(move) && move.state !== 'verified') return;
    throw new Refusal(
      'move_under_way',
      `${tenant} is being moved from ${move.from} to ${move.to}, and is at the step ${move.state}. ${wayOut(move)}.`,
    );
  };
}

/** Returns the handlers. */
export function moves(mover: Mover, log: Log): Readonly<Record<MoveRouteName, (call: MoveCall) => Promise<unknown>>> {
  const answered = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!isPortError(error)) throw error;
      log.warn('the mover does not answer', describeError(error));
      throw new Refusal('mover_unavailable', 'What was ordered may have been noted: look before you repeat it.', {
        retryAfterSeconds: 2,
      });
    }
  };

  const shown = async (work: Promise<MoverAnswer<MoveView>>): Promise<MoveView> => {
    const answer = await answered(work);
    if ('refused' in answer) throw new Refusal(answer.refused, answer.detail);
    return answer.value;
  };

  const act =
    (name: keyof typeof MOVE_ROUTES) =>
    async ({ query, id, operator, fields }: MoveCall) => {
      readParameters(controlRoutes[name].parameters, query);
      const { reason } = await fields(MOVE_ACTION_SHAPE);
      return shown(mover.change(id, MOVE_ROUTES[name], operator.subject, String(reason)));
    };

  return {
    moves: async ({ query }) => {
      readParameters(controlRoutes.moves.parameters, query);
      return { items: await answered(mover.list()), next: null };
    },
    move: async ({ query, id }) => {
      readParameters(controlRoutes.move.parameters, query);
      const found = await answered(mover.show(id));
      if (found !== null) return found;
      throw new Refusal('unknown_move', `${JSON.stringify(id.slice(0, 63))} has not been moved.`);
    },
    moveTenant: async ({ query, id, operator, fields }) => {
      const { dryRun } = readParameters(controlRoutes.moveTenant.parameters, query);
      const { reason, to, rate: most = null, pauseBefore: pause = null, leave: isLeft } = await fields(MOVE_SHAPE);
      const order = {
        ...{ tenant: id, to: String(to), rate: most as number | null, pauseBefore: pause as Step | null },
        ...{ actor: operator.subject, reason: String(reason), ...(isLeft === true && { leave: isLeft }) },
      };
      return shown(mover.start(order, dryRun === '1'));
    },
    pauseMove: act('pauseMove'),
    resumeMove: act('resumeMove'),
    abortMove: act('abortMove'),
    reverseMove: act('reverseMove'),
    sealMove: act('sealMove'),
  };
}
