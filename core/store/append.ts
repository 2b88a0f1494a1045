// The parts of `append` common to every service: parallel requests, retries of only the failed documents, and exact duplicates.

import { mapConcurrently } from '../lib/concurrently.ts';
import { Backoff, type RetryPolicy } from '../lib/retry.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, PERMANENT, PortError } from '../ports/errors.ts';
import type { Ids } from '../ports/ids.ts';
import type { Json } from '../ports/json.ts';
import type { AppendOptions, AppendOutcome, NewDocument, Version } from '../ports/store.ts';
import { sameBody } from './same-body.ts';

/** What exists where a document was to be written: an earlier attempt of this call, another writer's document, an expired one, or none. */
export type Existing = 'ours' | 'theirs' | 'expired' | 'none';

/** A service's operations; `Row` is a document in its format, with an id of this write. */
export interface AppendService<Row> {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
  readonly concurrentRequests: number;
  /** The document in the service's format, each time with a new write id. */
  toRow(document: NewDocument): Row;
  /** Splits the rows into requests, in order. */
  toRequests(rows: readonly Row[]): readonly (readonly Row[])[];
  /**
   * Writes the rows, each if absent: one error or `undefined` per row, `conflict` where a document exists. Rows whose request was
   * refused as a whole share one error object; a rejection applies to all rows.
   */
  write(rows: readonly Row[]): Promise<readonly (PortError | undefined)[]>;
  /**
   * Reads what exists where these rows were to be written. Passes the body of another writer's document to `compare` without keeping
   * it: many bodies at once may not fit into memory.
   */
  readExisting(rows: readonly Row[], compare: (row: Row, stored: Json) => void): Promise<readonly Existing[]>;
  /** Writes a document over one that has expired; `conflict` with any other. */
  put(document: NewDocument): Promise<Version>;
  /** Maps a failure of `write`, `readExisting` or `put`. */
  toPortError(error: unknown): PortError;
  /** Whether a retry within the budget may succeed. */
  isTransient(error: PortError): boolean;
}

interface Pending<Row> {
  readonly document: NewDocument;
  readonly row: Row;
  outcome?: AppendOutcome;
  /** Later documents of this call with the same key. */
  twins?: Pending<Row>[];
  /** Whether the existing body is different. */
  differs?: boolean;
}

const duplicate = (differs: boolean | undefined): AppendOutcome =>
  differs === true ? { status: 'duplicate', differs } : { status: 'duplicate' };

/**
 * Appends documents. Where a write conflicts, a read determines whether the document existed before, is our own (the answer to an
 * earlier attempt was lost) or has expired, so `duplicate` is exact.
 */
export async function appendWith<Row>(
  service: AppendService<Row>,
  documents: readonly NewDocument[],
  { except }: AppendOptions = {},
): Promise<readonly AppendOutcome[]> {
  const first = new Map<string, Pending<Row>>();
  const all = documents.map((document): Pending<Row> => {
    const pending: Pending<Row> = { document, row: service.toRow(document) };
    // Keys cannot contain a NUL character.
    const key = `${document.partition}\u0000${document.id}`;
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, pending);
    else {
      earlier.twins = [...(earlier.twins ?? []), pending];
      // Unless another document turns out to exist.
      pending.differs = !sameBody(earlier.document.body, document.body, except);
    }
    return pending;
  });
  const byRow = new Map([...first.values()].map((pending) => [pending.row, pending]));
  const compare = (row: Row, stored: Json) => {
    const pending = byRow.get(row);
    for (const each of pending === undefined ? [] : [pending, ...(pending.twins ?? [])])
      each.differs = !sameBody(stored, each.document.body, except);
  };
  const requests = service.toRequests([...byRow.keys()]);
  await mapConcurrently(requests, service.concurrentRequests, (rows) =>
    writeAll(
      { service, compare },
      rows.flatMap((row) => byRow.get(row) ?? []),
    ),
  );
  for (const { outcome, twins = [] } of first.values())
    for (const twin of twins) twin.outcome = outcome?.status === 'failed' ? outcome : duplicate(twin.differs);
  return all.map(
    ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The document was not reached.') },
  );
}

/** One call of `append`. */
interface Appending<Row> {
  readonly service: AppendService<Row>;
  readonly compare: (row: Row, stored: Json) => void;
}

/**
 * Writes the documents of one request; throttled or unanswered ones are retried alone, within the budget. A request that is refused
 * as a whole because of one of its documents is halved until that document is alone: N documents cost at most 2 N - 1 requests,
 * none of which is a retry that would need a pause.
 */
async function writeAll<Row>(
  appending: Appending<Row>,
  request: readonly Pending<Row>[],
  backoff = new Backoff(appending.service, appending.service.retry),
  lostBefore?: PortError,
): Promise<void> {
  const { service } = appending;
  let open = request;
  // Once an answer was lost, documents still open at the end may have been stored, whatever the outcome of the last attempt.
  let lost = lostBefore;
  for (;;) {
    let lastError: PortError | undefined;
    try {
      const tried = await writeOnce(appending, open);
      lastError = tried.lastError;
      for (const group of tried.together) {
        const half = Math.ceil(group.length / 2);
        await writeAll(appending, group.slice(0, half), backoff, lost);
        await writeAll(appending, group.slice(half), backoff, lost);
      }
    } catch (error) {
      lastError = service.toPortError(error);
      if (!service.isTransient(lastError))
        for (const pending of open) pending.outcome ??= { status: 'failed', error: lastError };
    }
    if (lastError?.code === 'unknown-outcome') lost = lastError;
    open = open.filter(({ outcome }) => outcome === undefined);
    if (open.length === 0) return;
    if (!(await backoff.pause(lastError?.retryAfterMs))) {
      const error = lost ?? lastError ?? new PortError('unavailable', 'The documents kept appearing and vanishing.');
      for (const pending of open) pending.outcome = { status: 'failed', error };
      return;
    }
  }
}

interface Tried<Row> {
  /** The error of a document that may be retried, if there is one. */
  readonly lastError: PortError | undefined;
  /** Documents refused together because of at least one of them. */
  readonly together: readonly (readonly Pending<Row>[])[];
}

/** Makes one attempt, and settles the documents whose outcome it determines. */
async function writeOnce<Row>(
  { service, compare }: Appending<Row>,
  open: readonly Pending<Row>[],
): Promise<Tried<Row>> {
  const errors = await service
    .write(open.map(({ row }) => row))
    .catch((error: unknown) => Array<PortError>(open.length).fill(service.toPortError(error)));
  if (errors.length !== open.length)
    throw new PortError('unknown-outcome', 'The service answered for another number of documents.');
  let lastError: PortError | undefined;
  const refused = new Map<PortError, Pending<Row>[]>();
  const taken: Pending<Row>[] = [];
  for (const [index, pending] of open.entries()) {
    const error = errors[index];
    if (error === undefined) pending.outcome = { status: 'stored' };
    else if (error.code === 'conflict') taken.push(pending);
    else if (service.isTransient(error)) lastError = error;
    else if (PERMANENT[error.code]) refused.set(error, [...(refused.get(error) ?? []), pending]);
    else pending.outcome = { status: 'failed', error };
  }
  const together: Pending<Row>[][] = [];
  for (const [error, group] of refused) {
    const [alone, ...others] = group;
    if (others.length > 0) together.push(group);
    else if (alone !== undefined) alone.outcome = { status: 'failed', error };
  }
  const found =
    taken.length === 0
      ? []
      : await service.readExisting(
          taken.map(({ row }) => row),
          compare,
        );
  for (const [index, pending] of taken.entries()) {
    const existing = found[index];
    if (existing === 'ours') pending.outcome = { status: 'stored' };
    else if (existing === 'theirs') pending.outcome = duplicate(pending.differs);
    else if (existing === 'expired') Object.assign(pending, await replaceExpired(service, pending.document));
    // A document that has vanished or been replaced in the meantime stays without an outcome and is retried.
  }
  return { lastError, together };
}

/** Leaves no outcome if another writer was faster: the next attempt finds that writer's document. */
async function replaceExpired<Row>(
  service: AppendService<Row>,
  document: NewDocument,
): Promise<{ readonly outcome?: AppendOutcome }> {
  try {
    await service.put(document);
    return { outcome: { status: 'stored' } };
  } catch (error) {
    if (isPortError(error, 'conflict')) return {};
    return { outcome: { status: 'failed', error: service.toPortError(error) } };
  }
}
