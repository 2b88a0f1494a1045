// `append`: the ways to write many new items to DynamoDB, side by side: rate, calls and write units.
import {
  BatchExecuteStatementCommand,
  BatchWriteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { itemOf, makeRound } from './ingest/job.ts';
import type { Benchmark } from './kit/benchmark.ts';
import { openDatabase } from './kit/database.ts';
import { startMeter } from './kit/meter.ts';
import { interleave, ratesOf } from './kit/rounds.ts';
import { ratios, spread } from './kit/statistics.ts';

type Items = ReturnType<typeof itemOf>[];

interface Way {
  readonly name: string;
  /** Whether an item that is there already is left as it is and found out about. */
  readonly conditional: 'yes' | 'no';
  write(client: DynamoDBClient, table: string, items: Items): Promise<unknown>;
}

const NEW = 'attribute_not_exists(p)';

const inChunks = (items: Items, size: number): Items[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

const PARTIQL = 'PartiQL INSERT, 25 a call';

const ways: readonly Way[] = [
  {
    name: PARTIQL,
    conditional: 'yes',
    write: (client, table, items) =>
      Promise.all(
        inChunks(items, 25).map((chunk) => {
          const Statements = chunk.map((item) => {
            const members = Object.keys(item).map((name) => `'${name}': ?`);
            return {
              Statement: `INSERT INTO "${table}" VALUE {${members.join(', ')}}`,
              Parameters: Object.values(item),
            };
          });
          return client.send(new BatchExecuteStatementCommand({ Statements }));
        }),
      ),
  },
  {
    name: 'PutItem, all at once',
    conditional: 'yes',
    write: (client, table, items) =>
      Promise.all(
        items.map((Item) => client.send(new PutItemCommand({ TableName: table, Item, ConditionExpression: NEW }))),
      ),
  },
  {
    name: 'TransactWriteItems, 100 a call',
    conditional: 'yes',
    write: (client, table, items) =>
      Promise.all(
        inChunks(items, 100).map((chunk) =>
          client.send(
            new TransactWriteItemsCommand({
              TransactItems: chunk.map((Item) => ({ Put: { TableName: table, Item, ConditionExpression: NEW } })),
            }),
          ),
        ),
      ),
  },
  {
    name: 'BatchWriteItem, 25 a call',
    conditional: 'no',
    write: (client, table, items) =>
      Promise.all(
        inChunks(items, 25).map((chunk) =>
          client.send(
            new BatchWriteItemCommand({ RequestItems: { [table]: chunk.map((Item) => ({ PutRequest: { Item } })) } }),
          ),
        ),
      ),
  },
];

const BATCH = 100;

export const appendBenchmark: Benchmark = {
  name: 'append',
  summary: 'PartiQL INSERTs against conditional puts, transactions and unconditional batches',
  async run(context) {
    const { quick, rounds = quick ? 3 : 15 } = context;
    const database = await openDatabase(context);
    const requests = quick ? 5 : 20;
    const work = (round: number, shape = requests) =>
      makeRound({ name: 'append', batch: BATCH, bytes: 300, requests: shape }, round).requests.map(({ events }) =>
        events.map(itemOf),
      );
    const client = database.client();
    const contenders = await Promise.all(
      ways.map(async ({ name, write }, index) => {
        const table = await database.createTable(`append-${index}`, { stream: true });
        const run = async (round: number) => {
          for (const items of work(round)) await write(client, table, items);
          return BATCH * requests;
        };
        return { name, run };
      }),
    );
    const progress = (text: string) => context.progress(`append: ${text}`);
    const rates = await interleave(contenders, { rounds, warmUp: 2, progress });
    const meter = await startMeter(database.endpoint, context);
    const metered = database.client({ endpoint: meter.endpoint });
    const rows = [];
    for (const [index, { name, conditional, write }] of ways.entries()) {
      const table = await database.createTable(`append-metered-${index}`, { stream: true });
      for (const items of work(0, 1)) await write(metered, table, items);
      const { calls, writeUnits } = meter.take();
      rows.push({
        name,
        conditional,
        rate: spread(ratesOf(rates, name)),
        ratio: spread(ratios(ratesOf(rates, name), ratesOf(rates, PARTIQL))),
        calls,
        units: writeUnits,
      });
    }
    return {
      benchmark: 'append',
      tables: [
        {
          title: `${BATCH} new items of about 300 bytes at a time, ${rounds} rounds of ${requests} times`,
          columns: [
            { key: 'name', title: '' },
            { key: 'conditional', title: 'only if new' },
            { key: 'rate', title: 'items/s' },
            { key: 'ratio', title: 'of PartiQL', digits: 2 },
            { key: 'calls', title: `calls/${BATCH}` },
            { key: 'units', title: `write units/${BATCH}` },
          ],
          rows,
          notes: [
            'A transaction fails as a whole when one item is there already; an unconditional batch replaces what is there.',
          ],
        },
      ],
      verdicts: [],
    };
  },
};
