// A tenant's log as an export reads it through the edge: page by page, checked, and again where it is worth it.
import { toLogDocument } from '../../core/events/cloud-event.ts';
import { RPO_HEADER } from '../../core/http/headers.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import { addDigests, type Digest, type Entry, entryOf, NO_EVENTS } from '../../core/replication/digests.ts';
import { RefusedError, UsageError, UserError } from '../command.ts';
import { causeOf, type Target, whoAnswered } from '../edge/edge-client.ts';

export const SOURCE_LIMITS = {
  /** Events of a page; the most that a cell gives at once. */
  pageEvents: 1000,
  /** Attempts at one request. */
  attempts: 10,
  /** The first pause between two, in milliseconds, unless the answer says how long; each is twice the one before. */
  pauseMs: 500,
  /** The longest pause, in milliseconds. */
  pauseMostMs: 30_000,
} as const;

/** An event as the log has it, and as a line of an export. */
export interface LoggedEvent {
  readonly subject: string;
  readonly key: string;
  readonly epoch: number;
  readonly origin: string | null;
  readonly hash: string;
  readonly event: CloudEvent;
}

/** Between two positions; from the beginning, or to the end, with `null`. */
export interface Between {
  readonly after: string | null;
  readonly through: string | null;
}

export interface LogPage {
  readonly items: readonly LoggedEvent[];
  readonly entries: readonly Entry[];
  readonly next: string | null;
}

/** Who has answered, as far as it matters to an export. */
export interface Answered {
  /** The cells, since they were last forgotten. */
  readonly cells: Set<string>;
  /** What a standby has said of how far it may be behind, in milliseconds, or `unknown`; the latest. */
  behind?: string;
}

/** All methods reject with a `UserError`. */
export interface LogSource {
  readonly answered: Answered;
  /** Reads one page, and checks each event against its hash. */
  page(between: Between, limit?: number): Promise<LogPage>;
  /** Forgets who has answered. */
  forget(): void;
  /** What the cell says that the digest is. */
  digest(between: Between): Promise<Digest>;
}

export interface LogSourceOptions {
  readonly tenant: string;
  readonly from: string | null;
  readonly to: string;
  readonly jurisdiction: string | null;
  readonly pause: (milliseconds: number) => Promise<unknown>;
}

/** What may be otherwise a little later. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Returns the source. A request that changes nothing may be repeated, whatever became of it. */
export function logSource(target: Pick<Target, 'call'>, options: LogSourceOptions): LogSource {
  const { tenant, from, to, jurisdiction, pause } = options;
  const answered: Answered = { cells: new Set() };

  /** One request: what it answers, or why that may be otherwise later. */
  const once = async (path: string): Promise<Body | Passing> => {
    const response = await target.call('read', path);
    const body = await bodyOf(response);
    if (body instanceof UserError) return { waitMs: 0, why: body };
    if (response.ok) {
      answered.cells.add(response.headers.get('x-polycell-cell') ?? '');
      const behind = response.headers.get(RPO_HEADER);
      if (behind !== null) answered.behind = behind;
      return { body };
    }
    const { code = String(response.status), detail = 'no reason given' } = body as Problem;
    const message = `${whoAnswered(response)} answered ${response.status}: ${detail} (${code}).`;
    if (code === 'not_found')
      throw new RefusedError(`${message} Exports need cells of this release; deploy them first.`, code);
    if (!PASSING.has(response.status)) throw new RefusedError(message, code);
    // Others on the way may name a date, which is no number.
    const seconds = Number(response.headers.get('retry-after') ?? 0) || 0;
    return { waitMs: seconds * 1000, why: new UserError(message) };
  };

  const ask = async (path: string): Promise<unknown> => {
    for (let attempt = 1; ; attempt += 1) {
      const found = await once(path).catch((error: unknown): Passing => {
        // No answer is a UserError as such.
        const isPassing = error instanceof UserError && !(error instanceof RefusedError || error instanceof UsageError);
        if (!isPassing) throw error;
        return { waitMs: 0, why: error };
      });
      if ('body' in found) return found.body;
      if (attempt === SOURCE_LIMITS.attempts) throw found.why;
      const pauseMs = SOURCE_LIMITS.pauseMs * 2 ** (attempt - 1);
      await pause(Math.min(Math.max(found.waitMs, pauseMs), SOURCE_LIMITS.pauseMostMs));
    }
  };

  const queryOf = ({ after, through }: Between, more: Readonly<Record<string, string>> = {}) =>
    new URLSearchParams({
      to,
      ...(from !== null && { from }),
      ...(after !== null && { after }),
      ...(through !== null && { through }),
      ...more,
    });

  return {
    answered,

    forget() {
      answered.cells.clear();
      delete answered.behind;
    },

    async page(between, limit = SOURCE_LIMITS.pageEvents) {
      const query = queryOf(between, {
        limit: String(limit),
        ...(jurisdiction !== null && { jurisdiction }),
      });
      const { items, next } = (await ask(`/v1/log?${query}`)) as Omit<LogPage, 'entries'>;
      return { items, next, entries: items.map((item) => checkedEntry(tenant, item)) };
    },

    async digest({ after, through }) {
      let digest = NO_EVENTS;
      let position = after;
      do {
        const query = queryOf({ after: position, through });
        const found = (await ask(`/v1/log/digest?${query}`)) as Digest & { readonly next: string | null };
        digest = addDigests(digest, found);
        position = found.next;
      } while (position !== null);
      return digest;
    },
  };
}

/** The entry of an event, from what it says: the cell's own word for its hash would not show what was changed on its way here. */
function checkedEntry(tenant: string, { subject, key, epoch, hash, event }: LoggedEvent): Entry {
  const document = toLogDocument(tenant, event);
  const entry = entryOf({ ...document, beside: { epoch } });
  if (event.subject !== subject || document.id !== key || entry[2] !== hash)
    throw new UserError(`The event ${key} of ${subject} is not what its hash says; nothing of it was written.`);
  return entry;
}

interface Body {
  readonly body: unknown;
}

interface Passing {
  readonly waitMs: number;
  readonly why: UserError;
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
}

/** The body of an answer, or what is wrong with it: it may have broken off, or be none of ours. */
async function bodyOf(response: Response): Promise<unknown> {
  const text = await response
    .text()
    .catch((error: unknown) => new UserError(`The answer broke off: ${causeOf(error)}.`));
  if (text instanceof UserError) return text;
  const none = new UserError(`The answer with status ${response.status} is no JSON object.`);
  try {
    const body = JSON.parse(text) as unknown;
    return isJsonObject(body) ? body : none;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return none;
  }
}
