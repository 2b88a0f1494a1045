// What ingest looks like when it is put together from Middy and Powertools for AWS Lambda, as their guides show it.
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { makeHandlerIdempotent } from '@aws-lambda-powertools/idempotency/middleware';
import { JSONStringified } from '@aws-lambda-powertools/parser/helpers';
import { parser } from '@aws-lambda-powertools/parser/middleware';
import { APIGatewayProxyEventV2Schema } from '@aws-lambda-powertools/parser/schemas/api-gatewayv2';
import { ConditionalCheckFailedException, type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, Context as LambdaContext } from 'aws-lambda';
import { z } from 'zod';
import { reading } from '../../core/domains/telemetry/schemas.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { itemOf } from './job.ts';

const cloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1).max(256),
  source: z.string().min(1).max(256),
  type: z.literal(reading.type),
  subject: z.string().regex(/^[A-Za-z0-9._:~@+-]{1,128}$/),
  time: z.iso.datetime({ offset: true }),
  data: z.looseObject({
    metric: z.string().min(1).max(128),
    value: z.number(),
    unit: z.string().max(64).optional(),
  }),
});

export interface PlainOptions {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly idempotencyTable: string;
  /** Whether bodies are arrays of events. */
  readonly batch: boolean;
  /**
   * `event`: each event is stored idempotently, whatever request brings it: what our own ingest promises.
   * `request`: only a repetition of the very same request is, and conditions on the writes find repeated events.
   */
  readonly idempotent: 'event' | 'request';
}

interface Answer {
  readonly statusCode: number;
  readonly body: string;
}

const lambdaContext = {
  functionName: 'plain',
  functionVersion: '1',
  awsRequestId: 'bench',
  getRemainingTimeInMillis: () => 15_000,
} as LambdaContext;

/** Returns a handler for one table. It knows nothing of tenants, tokens or epochs, which ours checks on top. */
export function plainHandler(options: PlainOptions): (event: APIGatewayProxyEventV2) => Promise<Answer> {
  const { client, table, idempotencyTable, batch, idempotent } = options;
  const persistenceStore = new DynamoDBPersistenceLayer({ tableName: idempotencyTable, awsSdkV3Client: client });

  const write = async (event: CloudEvent): Promise<{ status: 'accepted' | 'duplicate' }> => {
    const input = { TableName: table, Item: itemOf(event) };
    try {
      await client.send(
        new PutItemCommand(
          idempotent === 'event' ? input : { ...input, ConditionExpression: 'attribute_not_exists(p)' },
        ),
      );
      return { status: 'accepted' };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { status: 'duplicate' };
      throw error;
    }
  };
  const config = new IdempotencyConfig({ eventKeyJmesPath: idempotent === 'event' ? '[source, id, time]' : 'body' });
  config.registerLambdaContext(lambdaContext);
  const store =
    idempotent === 'event'
      ? makeIdempotent((event: CloudEvent) => write(event), { persistenceStore, config, dataIndexArgument: 0 })
      : write;

  const schema = APIGatewayProxyEventV2Schema.extend({
    body: JSONStringified(batch ? z.array(cloudEvent) : cloudEvent),
  });
  const handle = async ({ body }: { body: unknown }): Promise<Answer> => {
    const events = (batch ? body : [body]) as readonly CloudEvent[];
    const results = await Promise.all(
      events.map(async (event) => ({ id: event.id, source: event.source, ...(await store(event)) })),
    );
    const count = (status: string) => results.filter((result) => result.status === status).length;
    const summary = { accepted: count('accepted'), duplicates: count('duplicate'), rejected: 0, results };
    return { statusCode: 202, body: JSON.stringify(summary) };
  };
  const handler = middy();
  if (idempotent === 'request') handler.use(makeHandlerIdempotent({ persistenceStore, config }));
  handler.use(parser({ schema })).handler(handle as never);
  const run = handler as unknown as (event: APIGatewayProxyEventV2, context: LambdaContext) => Promise<Answer>;
  return (event) => run(event, lambdaContext);
}
