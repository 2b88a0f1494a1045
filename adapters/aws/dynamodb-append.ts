// The fast path of ingest on DynamoDB: batches of PartiQL INSERTs, each an independent conditional write.
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  type BatchStatementResponse,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import type { RetryPolicy } from '../../core/lib/retry.ts';
import { utf8Length } from '../../core/lib/text.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Ids } from '../../core/ports/ids.ts';
import type { Json } from '../../core/ports/json.ts';
import type { AppendOptions, AppendOutcome, NewDocument, Version } from '../../core/ports/store.ts';
import { appendWith, type Existing } from '../../core/store/append.ts';
import { toItem, toKey } from './dynamodb-items.ts';
import { isTransient, itemError, toPortError } from './errors.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html and API_BatchGetItem.html */
const LIMITS = { statements: 25, statementBytes: 4 * 1024 * 1024, keysRead: 100, concurrentCalls: 8 } as const;

export interface TableOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly retry: RetryPolicy;
  readonly newVersion: () => Version;
  /** Overwrites an expired document; `conflict` with any other. */
  readonly put: (document: NewDocument) => Promise<Version>;
}

type Compare = (row: Row, stored: Json) => void;

interface Row {
  readonly document: NewDocument;
  readonly item: Record<string, AttributeValue>;
  readonly version: Version;
}

/** Appends documents, 25 per call; an INSERT that finds an existing document fails individually. */
export function appendToTable(
  options: TableOptions,
  documents: readonly NewDocument[],
  how?: AppendOptions,
): Promise<readonly AppendOutcome[]> {
  const service = {
    ...options,
    concurrentRequests: LIMITS.concurrentCalls,
    toRow: (document: NewDocument): Row => {
      const version = options.newVersion();
      return { document, version, item: toItem(document, version) };
    },
    toRequests: inChunks,
    write: async (rows: readonly Row[]) =>
      (await execute(options, rows)).map(({ Error: error }) => error && itemError(error.Code, error.Message)),
    readExisting: (rows: readonly Row[], compare: Compare) => readExisting(options, rows, compare),
    toPortError,
    isTransient,
  };
  return appendWith(service, documents, how);
}

function inChunks(rows: readonly Row[]): Row[][] {
  const chunks: Row[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const each of rows) {
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

async function execute({ client, table }: TableOptions, rows: readonly Row[]): Promise<BatchStatementResponse[]> {
  const statements = rows.map(({ item }) => ({
    Statement: `INSERT INTO "${table}" VALUE {${Object.keys(item)
      .map((name) => `'${name}': ?`)
      .join(', ')}}`,
    Parameters: Object.values(item),
  }));
  const { Responses } = await client.send(new BatchExecuteStatementCommand({ Statements: statements }));
  return Responses ?? [];
}

/** The service omits unprocessed keys from its answer; the next attempt determines what exists there. */
async function readExisting(
  { client, table, clock }: TableOptions,
  rows: readonly Row[],
  compare: Compare,
): Promise<Existing[]> {
  const keys = rows.slice(0, LIMITS.keysRead).map(({ document }) => toKey(document));
  const request = { Keys: keys, ConsistentRead: true, ProjectionExpression: 'p, s, v, x, b' };
  const { Responses } = await client.send(new BatchGetItemCommand({ RequestItems: { [table]: request } }));
  const present = new Map(Responses?.[table]?.map((item) => [`${item.p?.S}\u0000${item.s?.S}`, item]));
  return rows.map((row) => {
    const {
      document: { partition, id },
      version,
    } = row;
    const found = present.get(`${partition}\u0000${id}`);
    if (found === undefined) return 'none';
    if (found.v?.S === version) return 'ours';
    if (found.x?.N !== undefined && Number(found.x.N) <= clock.now()) return 'expired';
    if (found.b?.S === undefined) throw new TypeError('The table holds an item that is no document.');
    compare(row, JSON.parse(found.b.S) as Json);
    return 'theirs';
  });
}
