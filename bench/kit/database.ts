// A DynamoDB emulator of the benchmark's own, with empty tables of the product's shape.
import {
  type AttributeValue,
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { ATTRIBUTES } from '../../adapters/aws/dynamodb-items.ts';
import { DynamoDbEmulator } from '../../emulators/dynamodb/dynamodb-emulator.ts';
import type { Context } from './benchmark.ts';

export const REGION = 'eu-central-1';

export interface Database {
  readonly endpoint: string;
  /** A client with the SDK's own defaults but for where it connects to. */
  client(options?: DynamoDBClientConfig): DynamoDBClient;
  /** Creates an empty table like the product's, with its stream if it is an event log. */
  createTable(
    name: string,
    options?: { readonly stream?: boolean; readonly keys?: readonly string[] },
  ): Promise<string>;
  /** All items of a table. */
  scan(table: string): Promise<Record<string, AttributeValue>[]>;
}

/** Starts the emulator; it ends with the benchmark. */
export async function openDatabase({ atEnd }: Pick<Context, 'atEnd'>): Promise<Database> {
  const emulator = new DynamoDbEmulator();
  await emulator.start();
  atEnd(() => emulator.stop());
  const { endpoint } = emulator;
  const client = (options: DynamoDBClientConfig = {}) => {
    const made = new DynamoDBClient({
      region: REGION,
      endpoint,
      credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
      ...options,
    });
    atEnd(async () => made.destroy());
    return made;
  };
  const own = client();
  return {
    endpoint,
    client,
    async createTable(name, { stream = false, keys = [ATTRIBUTES.partition, ATTRIBUTES.id] } = {}) {
      await own.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
          AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
          ...(stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' } }),
        }),
      );
      return name;
    },
    async scan(table) {
      const items: Record<string, AttributeValue>[] = [];
      let start: Record<string, AttributeValue> | undefined;
      do {
        const page = await own.send(new ScanCommand({ TableName: table, ...(start && { ExclusiveStartKey: start }) }));
        items.push(...(page.Items ?? []));
        start = page.LastEvaluatedKey;
      } while (start !== undefined);
      return items;
    },
  };
}
