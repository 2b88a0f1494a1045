// The fast path of ingest on DynamoDB: batches of PartiQL INSERTs, each an independent conditional write.
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  type BatchStatementResponse,
} from '@aws-sdk/client-dynamodb';
import { utf8Length } from '../../core/lib/text.ts';
import type { Json } from '../../core/ports/json.ts';
import type { AppendOptions, AppendOutcome, NewDocument, Version } from '../../core/ports/store.ts';
import { appendWith, type Existing } from '../../core/store/append.ts';
import { toItem, toKey } from './dynamodb-items.ts';
import { newVersion, type TableContext } from './dynamodb-read.ts';
import { putInTable } from './dynamodb-write.ts';
import { itemError, toPortError } from './errors.ts';

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html and API_BatchGetItem.html */
const LIMITS = { statements: 25, statementBytes: 4 * 1024 * 1024, keysRead: 100, concurrentCalls: 8 } as const;

type Compare = (row: Row, stored: Json) => void;

interface Row {
  readonly document: NewDocument;
  readonly item: Record<string, AttributeValue>;
  readonly version: Version;
}

/** Appends documents, 25 per call; an INSERT that finds an existing document fails individually. */
export function appendToTable(
  context: TableContext,
  documents: readonly NewDocument[],
  how?: AppendOptions,
): Promise<readonly AppendOutcome[]> {
  const service = {
    ...context,
    concurrentRequests: LIMITS.concurrentCalls,
    toRow: (document: NewDocument): Row => {
      const version = newVersion(context);
      return { document, version, item: toItem(document, version) };
    },
    toRequests: inChunks,
    write: async (rows: readonly Row[]) =>
      (await execute(context, rows)).map(({ Error: error }) => error && itemError(error.Code, error.Message)),
    readExisting: (rows: readonly Row[], compare: Compare) => readExisting(context, rows, compare),
    put: (document: NewDocument) => putInTable(context, document, 'absent'),
    toPortError,
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

async function execute({ client, table }: TableContext, rows: readonly Row[]): Promise<BatchStatementResponse[]> {
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
  { client, table, clock }: TableContext,
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
