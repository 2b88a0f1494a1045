// Takes cells' questions for leases: believes those that a declared key has signed, and hands them to the directory, which alone decides.
import { internalError, Refusal } from '../api/refusal.ts';
import { askingCell, LEASE_QUESTION, readQuestion, readUnsigned } from '../cell/lease.ts';
import { parseJson, readBody } from '../http/body.ts';
import { withTimeout } from '../lib/timeout.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError, PortError } from '../ports/errors.ts';
import { isJsonObject } from '../ports/json.ts';
import type { Log } from '../ports/log.ts';
import type { Directory } from './ports/directory.ts';
import type { Cell } from './ports/directory-model.ts';
import { ownHeaders } from './router/own-answers.ts';

export const DESK_LIMITS = {
  /** An isolate reads the cells again after this, in milliseconds … */
  cellsMs: 10_000,
  /** … and no sooner than this for a question that the cells it knows do not explain, so that strangers cost the directory little. */
  unknownMs: 2000,
  /** A read of the cells that another request began is abandoned after this: that request may have gone. */
  readMs: 3000,
} as const;

/** What is around a question in its body. */
const FRAME_BYTES = 64;

export interface LeaseDeskDeps {
  readonly directory: Pick<Directory, 'cells' | 'lease'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Returns the handler of questions. Rejects with a `Refusal`. */
export function leaseDesk({
  directory,
  clock,
  log,
}: LeaseDeskDeps): (request: Request, traceparent: string) => Promise<Response> {
  let cells: ReadonlyMap<string, Cell> = new Map();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  let begunAt = 0;

  const read = async (): Promise<void> => {
    const at = clock.now();
    const found = await directory.cells();
    cells = new Map(found.map(({ cell }) => [cell.id, cell]));
    readAt = at;
  };

  const refresh = (): Promise<void> => {
    const now = clock.now();
    if (reading === undefined || now - begunAt > DESK_LIMITS.readMs) {
      begunAt = now;
      const own = read().finally(() => {
        if (reading === own) reading = undefined;
      });
      reading = own;
    }
    const late = () => new PortError('unavailable', 'The cells could not be read in time.');
    return withTimeout(clock, DESK_LIMITS.readMs, reading, late);
  };

  const believed = async (text: string, id: string) => {
    const cell = cells.get(id);
    if (cell === undefined) return { fault: 'there is no such cell' };
    if (cell.keys === undefined) return { question: readUnsigned(text, clock.now()), key: null };
    for (const key of cell.keys) {
      const question = await readQuestion(text, [key], clock.now());
      if (!('fault' in question)) return { question, key };
    }
    return { question: await readQuestion(text, cell.keys, clock.now()), key: null };
  };

  const answerTo = async (text: string) => {
    const id = askingCell(text);
    if (id === undefined) throw refused('it is no question of a cell');
    if (clock.now() - readAt > DESK_LIMITS.cellsMs) await refresh();
    let found = await believed(text, id);
    if (('fault' in found || 'fault' in found.question) && clock.now() - readAt > DESK_LIMITS.unknownMs) {
      await refresh();
      found = await believed(text, id);
    }
    if ('fault' in found) throw refused(found.fault);
    const { question, key } = found;
    if ('fault' in question) throw refused(question.fault);
    const outcome = await directory.lease({ cell: id, key, tenants: question.tenants });
    // Its keys have changed since they were read.
    if (outcome.status === 'refused') throw refused('its key is not one of the cell’s any more');
    const { answers, epochs } = outcome;
    return { tenants: answers, epochs };
  };

  return async (request, traceparent) => {
    const body = parseJson(await readBody(request, LEASE_QUESTION.bytes + FRAME_BYTES));
    if (!isJsonObject(body) || typeof body.question !== 'string')
      throw new Refusal('invalid_body', 'Send {"question": "…"}.');
    try {
      const answer = await answerTo(body.question);
      return Response.json(answer, { headers: ownHeaders(traceparent, 'application/json') });
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (!isPortError(error)) throw internalError();
      log.warn('a cell cannot get its lease', { ...describeError(error), traceparent });
      throw new Refusal('directory_unavailable', 'Only the directory gives leases.', { retryAfterSeconds: 1 });
    }
  };
}

const refused = (fault: string) => new Refusal('invalid_credential', `The question for a lease is refused: ${fault}.`);
