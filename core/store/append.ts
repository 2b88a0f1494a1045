// The parts of `append` common to every service: parallel requests and exact duplicates.

import { mapConcurrently } from '../lib/concurrently.ts';
import type { RetryPolicy } from '../lib/retry.ts';
import { settleEach } from '../lib/settle-each.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/errors.ts';
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

const STORED: AppendOutcome = { status: 'stored' };

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
  await mapConcurrently(requests, service.concurrentRequests, async (rows) => {
    const request = rows.flatMap((row) => byRow.get(row) ?? []);
    const results = await settleEach(service, request, (open) => writeOnce(service, compare, open));
    for (const [index, pending] of request.entries()) {
      const result = results[index];
      if (result !== undefined)
        pending.outcome = result instanceof PortError ? { status: 'failed', error: result } : result;
    }
  });
  for (const { outcome, twins = [] } of first.values())
    for (const twin of twins) twin.outcome = outcome?.status === 'failed' ? outcome : duplicate(twin.differs);
  return all.map(
    ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The document was not reached.') },
  );
}

/** One attempt. A document that has vanished or been replaced between write and read stays open. */
async function writeOnce<Row>(
  service: AppendService<Row>,
  compare: (row: Row, stored: Json) => void,
  open: readonly Pending<Row>[],
): Promise<readonly (AppendOutcome | PortError | undefined)[]> {
  const errors = await service.write(open.map(({ row }) => row)).catch((error: unknown) => {
    throw service.toPortError(error);
  });
  if (errors.length !== open.length)
    throw new PortError('unknown-outcome', 'The service answered for another number of documents.');
  const taken = open.filter((_, index) => errors[index]?.code === 'conflict').map(({ row }) => row);
  const existing = new Map<Row, Existing | PortError>();
  if (taken.length > 0) {
    const found = await service
      .readExisting(taken, compare)
      .catch((error: unknown) => taken.map(() => service.toPortError(error)));
    for (const [index, row] of taken.entries()) existing.set(row, found[index] ?? 'none');
  }
  return Promise.all(
    open.map(async (pending, index) => {
      const error = errors[index];
      if (error === undefined) return STORED;
      const before = existing.get(pending.row);
      if (before === undefined) return error;
      if (before instanceof PortError) return before;
      if (before === 'ours') return STORED;
      if (before === 'theirs') return duplicate(pending.differs);
      return before === 'expired' ? replaceExpired(service, pending.document) : undefined;
    }),
  );
}

/** No outcome if another writer was faster: the next attempt finds that writer's document. */
async function replaceExpired<Row>(
  service: AppendService<Row>,
  document: NewDocument,
): Promise<AppendOutcome | undefined> {
  try {
    await service.put(document);
    return STORED;
  } catch (error) {
    return isPortError(error, 'conflict') ? undefined : { status: 'failed', error: service.toPortError(error) };
  }
}
