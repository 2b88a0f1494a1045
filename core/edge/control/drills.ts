// The part of the control API that keeps what drills have shown: a record is checked field by field, and kept once.
import { Refusal } from '../../api/refusal.ts';
import { isName, NAME_PATTERN } from '../../cell/identity.ts';
import { parseTime } from '../../events/time.ts';
import { readParameters } from '../../http/parameters.ts';
import { sameJson } from '../../lib/same-json.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Json, JsonObject } from '../../ports/json.ts';
import type { Log } from '../../ports/log.ts';
import { type Field, line, oneOf, type Shape, shape, within } from '../directory/directory-checks.ts';
import { DRILL_LIMITS, DRILL_OUTCOMES, type DrillBook, type DrillResult } from '../ports/drills.ts';
import { controlRoutes } from './control-routes.ts';

/** Ids that a client draws: any of its UUIDs is one. */
const ID_PATTERN = '^[A-Za-z0-9-]{8,64}$';

const { missed: most, missedBytes, cellBytes, lengthMs, aheadMs } = DRILL_LIMITS;

const id: Field = {
  schema: { type: 'string', pattern: ID_PATTERN },
  fits: (value) => typeof value === 'string' && new RegExp(ID_PATTERN).test(value),
  says: '8 to 64 of A-Z a-z 0-9 -',
};

const kind: Field = { schema: { type: 'string', pattern: NAME_PATTERN }, fits: isName, says: '1 to 63 of a-z 0-9 -' };

const time: Field = {
  schema: { type: 'string', format: 'date-time' },
  fits: (value) => typeof value === 'string' && parseTime(value) !== undefined,
  says: 'a time in RFC 3339',
};

const text = line(missedBytes);

const missed: Field = {
  schema: { type: 'array', maxItems: most, items: text.schema },
  fits: (value) => Array.isArray(value) && value.length <= most && value.every(text.fits),
  says: `a list of at most ${most} lines of 1 to ${missedBytes} bytes`,
};

const nullable = ({ schema, fits, says }: Field, type: string): Field => ({
  schema: { ...schema, type: [type, 'null'] },
  fits: (value) => value === null || fits(value),
  says: `null or ${says}`,
});

/** The fields of a record that is handed over. */
export const DRILL_SHAPE = shape(
  { id, kind, startedAt: time, endedAt: time, outcome: oneOf(DRILL_OUTCOMES) },
  { cell: nullable(line(cellBytes), 'string'), rtoMs: nullable(within('integer', lengthMs), 'integer'), missed },
);

/** What the handlers read of a call. */
interface DrillCall {
  readonly query: URLSearchParams;
  readonly operator: { readonly subject: string };
  /** The body, whose fields are those of this shape. */
  readonly fields: (shape: Shape) => Promise<JsonObject>;
}

const instantOf = (value: Json | undefined): number => parseTime(String(value))?.epochMs ?? Number.NaN;

/** @throws Refusal for fields that contradict each other */
function resultOf(fields: JsonObject, now: number): DrillResult {
  const [started, ended] = [instantOf(fields.startedAt), instantOf(fields.endedAt)];
  const { cell = null, rtoMs = null, missed: targets = [] } = fields;
  const faults = [
    ...(ended < started ? [['/endedAt', 'it must not be before startedAt'] as const] : []),
    ...(ended - started > lengthMs ? [['/endedAt', 'a drill takes a day at most'] as const] : []),
    ...(ended > now + aheadMs ? [['/endedAt', 'it must not be in the future'] as const] : []),
    ...(fields.outcome === 'passed' && (targets as readonly Json[]).length > 0
      ? [['/missed', 'it must be empty for a drill that has passed'] as const]
      : []),
  ];
  if (faults.length > 0)
    throw new Refusal('invalid_body', `Invalid fields: ${faults.map(([pointer]) => pointer).join(', ')}.`, {
      errors: faults.map(([pointer, detail]) => ({ pointer, detail: `${detail}.` })),
    });
  const times = { startedAt: new Date(started).toISOString(), endedAt: new Date(ended).toISOString() };
  // The fields are those of the shape.
  return { ...fields, ...times, cell, rtoMs, missed: targets } as unknown as DrillResult;
}

/** Returns the handlers. */
export function drillHandlers(
  book: DrillBook,
  clock: Clock,
  log: Log,
): Readonly<Record<'drills' | 'noteDrill', (call: DrillCall) => Promise<unknown>>> {
  const asked = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!isPortError(error)) throw error;
      log.warn('the monitor, which keeps the drills, does not answer', describeError(error));
      throw new Refusal('monitor_unavailable', 'Retry later: a drill that is handed over again is kept once.', {
        retryAfterSeconds: 2,
      });
    }
  };

  return {
    drills: async ({ query }) => {
      const { limit } = readParameters(controlRoutes.drills.parameters, query);
      return { items: (await asked(book.drills())).slice(0, limit), next: null };
    },

    noteDrill: async ({ query, operator, fields }) => {
      readParameters(controlRoutes.noteDrill.parameters, query);
      const result = resultOf(await fields(DRILL_SHAPE), clock.now());
      const { actor, notedAt, ...kept } = await asked(book.noteDrill(result, operator.subject));
      if (!sameJson(kept, result))
        throw new Refusal(
          'drill_exists',
          `Another drill was handed over as ${result.id}: ${kept.kind}, ${kept.endedAt}.`,
        );
      log.info('a drill is kept', { drill: kept.id, kind: kept.kind, outcome: kept.outcome, actor: operator.subject });
      return { ...kept, actor, notedAt };
    },
  };
}
