// The fast path of ingest on DynamoDB: batches of PartiQL INSERTs, each a conditional write of its own.
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  type BatchStatementResponse,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../core/ports/clock.ts';
import { isPortError, PortError } from '../../core/ports/errors.ts';
import type { Ids } from '../../core/ports/ids.ts';
import { Backoff, type RetryPolicy } from '../../core/ports/retry.ts';
import type { AppendOutcome, NewDocument, Version } from '../../core/ports/store.ts';
import { utf8Length } from '../../core/ports/text.ts';
import { toItem, toKey } from './dynamodb-items.ts';
import { isTransient, itemError, toPortError } from './errors.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html and API_BatchGetItem.html */
const LIMITS = { statements: 25, statementBytes: 4 * 1024 * 1024, keysRead: 100, concurrentCalls: 8 } as const;

export interface AppendOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
  readonly newVersion: () => Version;
  /** Writes a document over one that has expired, and conflicts with any other. */
  readonly put: (document: NewDocument) => Promise<Version>;
}

interface Pending {
  readonly document: NewDocument;
  readonly item: Record<string, AttributeValue>;
  readonly version: Version;
  outcome?: AppendOutcome;
}

/**
 * Appends documents, 25 a call. An INSERT that finds a document fails alone; whether that document was there before, is our
 * own (the answer to an earlier try was lost) or has expired is read from the table, so `duplicate` is exact.
 */
export async function appendToTable(
  options: AppendOptions,
  documents: readonly NewDocument[],
): Promise<readonly AppendOutcome[]> {
  const byKey = new Map<string, Pending>();
  const all = documents.map((document): Pending => {
    const version = options.newVersion();
    const pending: Pending = { document, version, item: toItem(document, version) };
    const key = `${document.partition}\u0000${document.id}`;
    if (byKey.has(key)) pending.outcome = { status: 'duplicate' };
    else byKey.set(key, pending);
    return pending;
  });
  const chunks = inChunks([...byKey.values()]);
  let next = 0;
  const lane = async () => {
    for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) await insert(options, chunk);
  };
  await Promise.all(Array.from({ length: Math.min(LIMITS.concurrentCalls, chunks.length) }, lane));
  return all.map(
    ({ outcome }) => outcome ?? { status: 'failed', error: new PortError('unknown', 'The document was not reached.') },
  );
}

function inChunks(pending: readonly Pending[]): Pending[][] {
  const chunks: Pending[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const each of pending) {
    const size = utf8Length(each.item.b?.S ?? '') + 2048;
    const chunk = chunks.at(-1);
    if (chunk === undefined || chunk.length === LIMITS.statements || bytes + size > LIMITS.statementBytes) {
      chunks.push([each]);
      bytes = size;
    } else {
      chunk.push(each);
      bytes += size;
    }
  }
  return chunks;
}

/** Inserts up to 25 documents; what was throttled or not answered is tried again alone, within the budget. */
async function insert(options: AppendOptions, chunk: readonly Pending[]): Promise<void> {
  const backoff = new Backoff(options, options.retry);
  let open = [...chunk];
  for (;;) {
    let lastError: PortError | undefined;
    const taken: Pending[] = [];
    try {
      const responses = await execute(options, open);
      for (const [index, pending] of open.entries()) {
        const error = responses[index]?.Error;
        if (error === undefined) pending.outcome = { status: 'stored' };
        else {
          const portError = itemError(error.Code, error.Message);
          if (portError.code === 'conflict') taken.push(pending);
          else if (isTransient(portError)) lastError = portError;
          else pending.outcome = { status: 'failed', error: portError };
        }
      }
      await settleTaken(options, taken);
    } catch (error) {
      lastError = toPortError(error);
      if (!isTransient(lastError))
        for (const pending of open) pending.outcome ??= { status: 'failed', error: lastError };
    }
    open = open.filter((pending) => pending.outcome === undefined);
    if (open.length === 0) return;
    if (!(await backoff.pause(lastError?.retryAfterMs))) {
      const error = lastError ?? new PortError('unavailable', 'The documents kept appearing and vanishing.');
      for (const pending of open) pending.outcome = { status: 'failed', error };
      return;
    }
  }
}

async function execute({ client, table }: AppendOptions, open: readonly Pending[]): Promise<BatchStatementResponse[]> {
  const statements = open.map(({ item }) => ({
    Statement: `INSERT INTO "${table}" VALUE {${Object.keys(item)
      .map((name) => `'${name}': ?`)
      .join(', ')}}`,
    Parameters: Object.values(item),
  }));
  const { Responses } = await client.send(new BatchExecuteStatementCommand({ Statements: statements }));
  if (Responses?.length !== open.length)
    throw new PortError('unknown-outcome', 'The service answered for another number of statements.');
  return Responses;
}

/** Tells apart who stands where an INSERT wanted to go. What has vanished meanwhile stays without an outcome and is tried again. */
async function settleTaken(options: AppendOptions, taken: readonly Pending[]): Promise<void> {
  if (taken.length === 0) return;
  const present = await readVersions(options, taken);
  for (const pending of taken) {
    const { partition, id } = pending.document;
    const found = present.get(`${partition}\u0000${id}`);
    if (found === undefined) continue;
    if (found.version === pending.version) pending.outcome = { status: 'stored' };
    else if (found.expiresAt === undefined || found.expiresAt > options.clock.now())
      pending.outcome = { status: 'duplicate' };
    else pending.outcome = await replaceExpired(options, pending.document);
  }
}

async function replaceExpired(options: AppendOptions, document: NewDocument): Promise<AppendOutcome> {
  try {
    await options.put(document);
    return { status: 'stored' };
  } catch (error) {
    if (isPortError(error, 'conflict')) return { status: 'duplicate' };
    return { status: 'failed', error: toPortError(error) };
  }
}

async function readVersions(
  { client, table }: AppendOptions,
  taken: readonly Pending[],
): Promise<Map<string, { version: string | undefined; expiresAt: number | undefined }>> {
  const present = new Map<string, { version: string | undefined; expiresAt: number | undefined }>();
  const keys = taken.slice(0, LIMITS.keysRead).map(({ document }) => toKey(document));
  const request = { Keys: keys, ConsistentRead: true, ProjectionExpression: 'p, s, v, x' };
  const { Responses } = await client.send(new BatchGetItemCommand({ RequestItems: { [table]: request } }));
  // Keys that the service did not get to are left out, and their INSERTs tried again.
  for (const { p, s, v, x } of Responses?.[table] ?? []) {
    present.set(`${p?.S}\u0000${s?.S}`, { version: v?.S, expiresAt: x?.N === undefined ? undefined : Number(x.N) });
  }
  return present;
}
