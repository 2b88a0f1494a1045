// What a cloud's functions find around them when `cold-start` loads them: settings, servers that answer, and one event each.
import { CosmosClient } from '@azure/cosmos';
import { ServiceBusAdministrationClient } from '@azure/service-bus';
import { systemClock } from '../../adapters/system/system.ts';
import { reading as readingEvent } from '../../core/domains/telemetry/schemas.ts';
import { DEVELOPMENT_CERTIFICATE } from '../../emulators/service-bus/certificate.ts';
import { toRpcHttp } from '../../hosts/azure-functions/http/rpc-http.ts';
import { AzureServices } from '../../local/emulators/azure-services.ts';
import { makeRouteKeys, type RouteKeys } from '../../local/route-keys.ts';
import { itemOf as cosmosItemOf } from '../ingest/azure-ground.ts';
import { CELL, ENDPOINT, gatewayEvent, itemOf } from '../ingest/job.ts';
import { createDatabase } from '../kit/account.ts';
import type { Context } from '../kit/benchmark.ts';
import { reading, TENANT } from '../kit/events.ts';
import type { Candidate } from './candidates.ts';
import { startStub } from './stub-server.ts';

type Role = Candidate['of'];

export interface Surroundings {
  environment(of: Role): NodeJS.ProcessEnv;
  /** One reading in the form in which the function gets it; another one each time. */
  event(of: Role): Promise<unknown>;
  /** Whether a first call did what it was for. */
  isDone(of: Role, answer: Answer | undefined): boolean;
}

export interface Answer {
  readonly statusCode?: number | null;
  readonly batchItemFailures?: readonly unknown[];
}

const common = { PATH: process.env.PATH, APP_CELL: CELL, APP_VERSION: 'bench' };

const forHttp = ({ publicKeys, privateKey }: RouteKeys) => ({
  APP_ROUTE_KEYS: JSON.stringify(publicKeys),
  APP_ENDPOINTS: ENDPOINT,
  APP_ROUTE_AUDIENCE: 'required',
  // Any key will do where no proof of identity is asked for.
  APP_IDENTITY_KEY: JSON.stringify(privateKey),
  APP_EDGE: 'none',
});

let made = 0;
const next = () => {
  made += 1;
  return reading({ id: String(made), device: 'device-1', time: Date.now() - 1000, value: 21.5 });
};

/** The whole second in which the log keeps a reading. */
const second = () => new Date(Date.now() - 1000).toISOString().slice(0, 19);

/** A server in this process that answers at once stands for DynamoDB and SNS. */
export async function aroundAws(context: Context): Promise<Surroundings> {
  let log: readonly object[] = [];
  const stub = await startStub(context, (table) => (table === 'events' ? log : []));
  const keys = await makeRouteKeys(systemClock);
  return {
    environment: (of) => ({
      ...common,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_ENDPOINT_URL_DYNAMODB: stub,
      AWS_ENDPOINT_URL_SNS: stub,
      APP_EVENTS_TABLE: 'events',
      APP_STATE_TABLE: 'state',
      APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:events',
      ...(of === 'http' && forHttp(keys)),
      ...(of === 'worker' && { APP_CONSUMER: 'device-state' }),
    }),
    async event(of) {
      const event = next();
      if (of === 'http') {
        const token = await keys.mint({ tenant: TENANT, cell: CELL, endpoint: ENDPOINT, scopes: ['ingest'] });
        return gatewayEvent(JSON.stringify(event), false, token);
      }
      if (of === 'worker') {
        // A consumer works from the log, so it must find there what it is given.
        log = [itemOf(event)];
        const body = JSON.stringify({ ...event, polycelltenant: TENANT });
        const attributes = { ApproximateReceiveCount: '1' };
        return { Records: [{ messageId: '1', body, attributes, messageAttributes: {} }] };
      }
      const body = { type: readingEvent.type, source: event.source, id: event.id, data: event.data };
      const NewImage = {
        p: { S: `${TENANT}|device-1` },
        s: { S: `${second()}!0123456789abcdef` },
        b: { S: JSON.stringify(body) },
        v: { S: '0123456789abcdef' },
      };
      return { Records: [{ eventName: 'INSERT', dynamodb: { SequenceNumber: '1', NewImage } }] };
    },
    isDone: (of, answer) =>
      of === 'floor' || (of === 'http' ? answer?.statusCode === 202 : answer?.batchItemFailures?.length === 0),
  };
}

/** Cosmos DB and Service Bus are the emulators, in a process of their own: what the SDKs ask for first is not little. */
export async function aroundAzure({ atEnd }: Pick<Context, 'atEnd'>): Promise<Surroundings> {
  const services = new AzureServices({ cosmos: true, serviceBus: true });
  const { cosmos = '', serviceBus = '' } = await services.start();
  atEnd(() => services.stop());
  await createDatabase(cosmos, 'bench');
  const client = new CosmosClient(cosmos);
  atEnd(async () => client.dispose());
  const tlsOptions = { ca: DEVELOPMENT_CERTIFICATE.cert };
  await new ServiceBusAdministrationClient(serviceBus, { tlsOptions } as object).createTopic('events');
  const keys = await makeRouteKeys(systemClock);
  return {
    environment: () => ({
      ...common,
      APP_REGION: 'westeurope',
      APP_DATABASE: 'bench',
      APP_TOPIC: 'events',
      COSMOS: cosmos,
      SERVICE_BUS: serviceBus,
      // One app has all functions, and its settings.
      ...forHttp(keys),
    }),
    async event(of) {
      const event = next();
      if (of === 'http' || of === 'floor') {
        const headersDistinct = {
          'content-type': ['application/cloudevents+json'],
          'x-polycell-route': [await keys.mint({ tenant: TENANT, cell: CELL, endpoint: ENDPOINT, scopes: ['ingest'] })],
        };
        const http = toRpcHttp({ method: 'POST', headersDistinct }, 'https://api.example.com/v1/events', {}, undefined);
        return { trigger: 'httpTrigger', data: { http: { ...http, body: { string: JSON.stringify(event) } } } };
      }
      if (of === 'worker') {
        await client.database('bench').container('events').items.create(cosmosItemOf(event));
        const body = JSON.stringify({ ...event, polycelltenant: TENANT });
        const triggerMetadata = { DeliveryCountArray: { json: '[1]' } };
        return { trigger: 'serviceBusTrigger', data: { collectionString: { string: [body] } }, triggerMetadata };
      }
      const b = { type: readingEvent.type, source: event.source, id: event.id, data: event.data };
      const item = {
        p: `${TENANT}|device-1`,
        id: `${second()}!0123456789abcdef`,
        b,
        w: '0123456789abcdef',
        _lsn: 1,
        _ts: 1,
      };
      return { trigger: 'cosmosDBTrigger', data: { json: JSON.stringify([item]) } };
    },
    // What cannot be done throws, in the functions that answer nothing.
    isDone: (of, answer) => of === 'relay' || of === 'worker' || answer?.statusCode === 202,
  };
}
