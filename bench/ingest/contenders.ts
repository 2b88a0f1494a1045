// Who takes part in `ingest` on AWS: each is given an endpoint and a table, and stores the events of a request.
import {
  BatchExecuteStatementCommand,
  type DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { composeHttp } from '../../functions-aws/compose.ts';
import { LambdaHost } from '../../hosts/lambda/lambda-host.ts';
import { sourceFile } from '../../local/source-file.ts';
import type { Context } from '../kit/benchmark.ts';
import { type Database, REGION } from '../kit/database.ts';
import type { Participant, Store } from './ground.ts';
import { CELL, ENDPOINT, expectStored, gatewayEvent, itemOf, OURS, tokens } from './job.ts';
import { plainHandler } from './plain-handler.ts';

export interface Entrant extends Participant {
  /** Makes it ready to write to a table behind an endpoint. */
  prepare(database: Database, endpoint: string, table: string, context: Context): Promise<Store>;
}

export const OURS_HOSTED = 'polycell in LambdaHost';
export const BARE_SINGLE = 'bare SDK, PutItem';
export const BARE_BATCH = 'bare SDK, PartiQL 4x25';
export const BARE_PUTS = 'bare SDK, PutItem x100';
export const PLAIN = 'Middy + Powertools';
export const PLAIN_REQUEST = 'Middy + Powertools, by request';

const environmentOf = (endpoint: string, table: string, keys: string) => ({
  APP_CELL: CELL,
  APP_VERSION: 'bench',
  APP_EVENTS_TABLE: table,
  APP_STATE_TABLE: `${table}-state`,
  APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:bench',
  APP_ROUTE_KEYS: keys,
  APP_ENDPOINTS: ENDPOINT,
  APP_ROUTE_AUDIENCE: 'required',
  AWS_ENDPOINT_URL_DYNAMODB: endpoint,
});

const ours: Entrant = {
  name: OURS,
  takes: 'both',
  async prepare(database, endpoint, table) {
    await database.createTable(`${table}-state`);
    const { publicKeys, identityKey, token } = await tokens();
    const handler = composeHttp({
      cell: CELL,
      version: 'bench',
      region: REGION,
      eventsTable: table,
      stateTable: `${table}-state`,
      topicArn: 'arn:aws:sns:eu-central-1:000000000000:bench',
      endpoints: { dynamodb: endpoint },
      routeKeys: JSON.parse(publicKeys),
      audience: { endpoints: [ENDPOINT], required: true },
      identityKey,
      edge: undefined,
      telemetry: undefined,
      runtimeApi: undefined,
    });
    return async ({ requests }) => {
      for (const { events, body } of requests) {
        const event = gatewayEvent(body, events.length > 1, await token());
        const answer = await handler(event);
        expectStored(answer.statusCode, answer.body, events.length);
      }
    };
  },
};

const oursHosted: Entrant = {
  name: OURS_HOSTED,
  takes: 'both',
  async prepare(database, endpoint, table, { atEnd }) {
    await database.createTable(`${table}-state`);
    const { publicKeys, identityKey, token } = await tokens();
    const host = new LambdaHost({
      functionName: 'bench-http',
      bundle: sourceFile('dist/aws/http/index.cjs'),
      handler: 'handler',
      environment: {
        ...environmentOf(endpoint, table, publicKeys),
        APP_IDENTITY_KEY: JSON.stringify(identityKey),
        APP_EDGE: 'none',
      },
      maximumConcurrency: 1,
      region: REGION,
    });
    await host.start();
    atEnd(() => host.stop());
    return async ({ requests }) => {
      for (const { events, body } of requests) {
        const { payload } = await host.invoke(gatewayEvent(body, events.length > 1, await token()));
        const answer = JSON.parse(payload) as { statusCode?: number; body?: string };
        expectStored(answer.statusCode, answer.body, events.length);
      }
    };
  },
};

const put = (table: string, event: CloudEvent): PutItemCommandInput => ({
  TableName: table,
  Item: itemOf(event),
  ConditionExpression: 'attribute_not_exists(p)',
});

const bareSdk = (
  name: string,
  takes: Entrant['takes'],
  write: (client: DynamoDBClient, table: string, events: readonly CloudEvent[]) => Promise<unknown>,
): Entrant => ({
  name,
  takes,
  async prepare(database, endpoint, table) {
    const client = database.client({ endpoint });
    return async ({ requests }) => {
      for (const { events } of requests) await write(client, table, events);
    };
  },
});

/** The same INSERTs that our store sends, and nothing around them. */
async function insertInBatches(client: DynamoDBClient, table: string, events: readonly CloudEvent[]): Promise<void> {
  const chunks = Array.from({ length: Math.ceil(events.length / 25) }, (_, index) =>
    events.slice(index * 25, index * 25 + 25),
  );
  const answers = await Promise.all(
    chunks.map((chunk) =>
      client.send(
        new BatchExecuteStatementCommand({
          Statements: chunk.map((event) => {
            const item = itemOf(event);
            const members = Object.keys(item).map((name) => `'${name}': ?`);
            return {
              Statement: `INSERT INTO "${table}" VALUE {${members.join(', ')}}`,
              Parameters: Object.values(item),
            };
          }),
        }),
      ),
    ),
  );
  const failed = answers.flatMap(({ Responses = [] }) => Responses).find(({ Error: refused }) => refused !== undefined);
  if (failed?.Error) throw new Error(`An INSERT failed: ${failed.Error.Code} ${failed.Error.Message}`);
}

const plain = (name: string, idempotent: 'event' | 'request'): Entrant => ({
  name,
  takes: idempotent === 'event' ? 'both' : 'batch',
  async prepare(database, endpoint, table) {
    await database.createTable(`${table}-idempotency`, { keys: ['id'] });
    const client = database.client({ endpoint });
    const make = (batch: boolean) =>
      plainHandler({ client, table, idempotencyTable: `${table}-idempotency`, batch, idempotent });
    const handlers = { single: make(false), batch: make(true) };
    return async ({ requests }) => {
      for (const { events, body } of requests) {
        const batch = events.length > 1;
        // The guides' handlers read text, where API Gateway encodes a body of this type.
        const event = { ...gatewayEvent(body, batch, 'none'), body, isBase64Encoded: false };
        const answer = await handlers[batch ? 'batch' : 'single'](event);
        expectStored(answer.statusCode, answer.body, events.length);
      }
    };
  },
});

export const entrants: readonly Entrant[] = [
  ours,
  bareSdk(BARE_SINGLE, 'single', (client, table, events) =>
    Promise.all(events.map((event) => client.send(new PutItemCommand(put(table, event))))),
  ),
  bareSdk(BARE_BATCH, 'batch', insertInBatches),
  bareSdk(BARE_PUTS, 'batch', (client, table, events) =>
    Promise.all(events.map((event) => client.send(new PutItemCommand(put(table, event))))),
  ),
  plain(PLAIN, 'event'),
  plain(PLAIN_REQUEST, 'request'),
  oursHosted,
];
