// The Azure side of `ingest`: databases of a Cosmos DB emulator, who stores events in them, and request units by a meter.
import type { Container } from '@azure/cosmos';
import type { HttpRequest } from '@azure/functions';
import { type Item, toItem, toOperations } from '../../adapters/azure/cosmos-items.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import { composeHttp } from '../../functions-azure/compose.ts';
import { type Account, openAccount, startChargeMeter } from '../kit/account.ts';
import type { Context } from '../kit/benchmark.ts';
import { TENANT } from '../kit/events.ts';
import { type Ground, inOrder, type Participant, type Store } from './ground.ts';
import { CELL, ENDPOINT, expectStored, makeRound, OURS, tokens } from './job.ts';

interface Entrant extends Participant {
  prepare(account: Account, connectionString: string, database: string): Promise<Store>;
}

const BARE_SINGLE = 'bare SDK, create';
const BARE_BATCH = 'bare SDK, bulk';
const BARE_CREATES = 'bare SDK, create x100';

const ours: Entrant = {
  name: OURS,
  takes: 'both',
  async prepare(_, connectionString, database) {
    const { publicKeys, identityKey, token } = await tokens();
    const handler = composeHttp({
      cell: CELL,
      version: 'bench',
      region: 'westeurope',
      database,
      topic: 'bench',
      connections: { cosmos: connectionString, serviceBus: '' },
      routeKeys: JSON.parse(publicKeys),
      audience: { endpoints: [ENDPOINT], required: true },
      identityKey,
      edge: undefined,
      telemetry: undefined,
    });
    return async ({ requests }) => {
      for (const { events, body } of requests) {
        const batch = events.length > 1;
        // The trigger's request has the members of a web-standard one that are read here.
        const request = new Request('https://api.example.com/v1/events', {
          method: 'POST',
          headers: {
            'content-type': batch ? 'application/cloudevents-batch+json' : 'application/cloudevents+json',
            'x-polycell-route': await token(),
          },
          body,
        });
        const answer = await handler(request as unknown as HttpRequest);
        expectStored(answer.status, Buffer.from(answer.body as Uint8Array).toString('utf8'), events.length);
      }
    };
  },
};

/** The item that an event becomes, in the form our own store gives it. */
export function itemOf(event: CloudEvent): Item {
  return toItem(toLogDocument(TENANT, event), randomIds.next().slice(0, 16), systemClock.now());
}

const bareSdk = (
  name: string,
  takes: Entrant['takes'],
  write: (container: Container, events: readonly CloudEvent[]) => Promise<unknown>,
): Entrant => ({
  name,
  takes,
  async prepare(account, connectionString, database) {
    const container = account.client(connectionString).database(database).container('events');
    return async ({ requests }) => {
      for (const { events } of requests) await write(container, events);
    };
  },
});

const createEach = (container: Container, events: readonly CloudEvent[]) =>
  Promise.all(events.map((event) => container.items.create(itemOf(event))));

/** The same creates that our store sends, and nothing around them. */
async function createInBulk(container: Container, events: readonly CloudEvent[]): Promise<void> {
  const operations = events.map((event) => {
    const item = itemOf(event);
    return { operationType: 'Create', partitionKey: item.p, resourceBody: item } as const;
  });
  const answers = await container.items.bulk(toOperations(operations), { continueOnError: true });
  const failed = answers.find(({ statusCode }) => statusCode !== 201);
  if (failed !== undefined || answers.length !== events.length)
    throw new Error(`A create was answered ${failed?.statusCode}.`);
}

const entrants: readonly Entrant[] = [
  ours,
  bareSdk(BARE_SINGLE, 'single', createEach),
  bareSdk(BARE_BATCH, 'batch', createInBulk),
  bareSdk(BARE_CREATES, 'batch', createEach),
];

/** Starts the emulator. */
export async function openAzureGround(context: Context): Promise<Ground<Entrant>> {
  const account = await openAccount(context);
  return {
    participants: entrants,
    baseline: { single: BARE_SINGLE, batch: BARE_BATCH },
    targets: { [BARE_BATCH]: 0.7 },
    createPlace: (name) => account.createDatabase(name),
    prepare: (entrant, database) => entrant.prepare(account, account.connectionString, database),
    async lines(database) {
      const items = await account.scan(database);
      return items.map(({ p, id, b }) => `${p} ${id} ${inOrder(b)}`);
    },
    costs: [
      { key: 'calls', title: 'calls/event', digits: 2 },
      { key: 'units', title: 'request units/event', digits: 2 },
    ],
    async measureCosts(entrant, shape) {
      const { connectionString, take } = await startChargeMeter(account.connectionString, context);
      const database = await account.createDatabase(`metered-${shape.name}-${entrants.indexOf(entrant)}`);
      const store = await entrant.prepare(account, connectionString, database);
      // The first request makes the tenant's epoch known to the cell, and reads what the SDK wants to know of the container.
      await store(makeRound({ ...shape, requests: 1 }, 0));
      take();
      const work = makeRound({ ...shape, requests: 5 }, 1);
      await store(work);
      const { calls, units } = take();
      return { calls: calls / work.events, units: units / work.events };
    },
  };
}
