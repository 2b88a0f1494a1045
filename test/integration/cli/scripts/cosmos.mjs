// An ordinary program for Azure Cosmos DB; prints what it saw as JSON.
import { ChangeFeedStartFrom, CosmosClient } from '@azure/cosmos';

const client = new CosmosClient(process.env.CONNECTION ?? '');
const { database } = await client.databases.createIfNotExists({ id: 'shop' });
const { container } = await database.containers.createIfNotExists({
  id: 'orders',
  partitionKey: { paths: ['/customer'], version: 2 },
});
const feed = container.items.getChangeFeedIterator({
  changeFeedStartFrom: ChangeFeedStartFrom.Beginning('ann'),
  maxItemCount: 100,
});

await container.items.create({ id: '1', customer: 'ann', total: 10 });
await container.items.create({ id: '2', customer: 'bob', total: 20 });
const conflict = await container.items.create({ id: '1', customer: 'ann' }).catch((error) => error.code);
const batch = await container.items.batch(
  [
    { operationType: 'Create', resourceBody: { id: '3', customer: 'ann', total: 30 } },
    { operationType: 'Patch', id: '1', resourceBody: { operations: [{ op: 'incr', path: '/total', value: 5 }] } },
  ],
  'ann',
);
const undone = await container.items.batch(
  [
    { operationType: 'Create', resourceBody: { id: '4', customer: 'ann', total: 40 } },
    { operationType: 'Create', resourceBody: { id: '3', customer: 'ann', total: 30 } },
  ],
  'ann',
);
const read = await container.item('1', 'ann').read();
const inOrder = await container.items
  .query({
    query: 'SELECT c.id, c.total FROM c WHERE c.total >= @least ORDER BY c.total DESC',
    parameters: [{ name: '@least', value: 15 }],
  })
  .fetchAll();
const sum = await container.items.query('SELECT VALUE SUM(c.total) FROM c').fetchAll();
const changes = await feed.readNext();
const quiet = await feed.readNext();
client.dispose();

console.log(
  JSON.stringify({
    conflict,
    batch: [batch.code, batch.result?.map(({ statusCode }) => statusCode)],
    undone: [undone.code, undone.result?.map(({ statusCode }) => statusCode)],
    total: read.resource?.total,
    inOrder: inOrder.resources,
    sum: sum.resources,
    changes: changes.result.map(({ id, total }) => [id, total]),
    quiet: [quiet.statusCode, quiet.count],
  }),
);
