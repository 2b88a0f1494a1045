// What Azure is set up with: by the topology, and as the adapters expect it.
import { PARTITION_KEY } from '../../../adapters/azure/cosmos-items.ts';
import { azureResources } from '../../../build/azure-resources.ts';
import { topologyOf } from '../../../core/domain/application.ts';
import { METERS } from '../../support/meters.ts';

const topology = topologyOf(METERS);

test('the containers are partitioned as the documents are', () => {
  const { containers } = azureResources(topology).cosmos;
  expect(containers.map(({ name }) => name)).toEqual(['events', 'state', 'leases']);
  for (const { partitionKeyPaths, partitionKeyVersion } of containers.slice(0, 2))
    expect({ paths: partitionKeyPaths, version: partitionKeyVersion }).toEqual(PARTITION_KEY);
});

test('a subscription takes the types of its consumer in its lane, and what is sent again to it alone', () => {
  const [consumer] = topology.consumers;
  if (consumer === undefined) throw new Error('The topology has no consumer.');
  const changed = {
    ...consumer,
    name: 'audit',
    types: ['a.v1', "it's.v1"],
    visibilitySeconds: 90,
    maximumDeliveries: 7,
  };
  const filter = "type IN ('a.v1', 'it''s.v1') AND (consumer IS NULL OR consumer = 'audit')";
  const limits = { lockDuration: 'PT90S', maxDeliveryCount: 7 };
  expect(azureResources({ ...topology, consumers: [changed] }).serviceBus.subscriptions).toEqual([
    { name: 'audit_side', ...limits, rule: { name: 'topology', sqlFilter: `${filter} AND lane = 'side'` } },
    { name: 'audit', ...limits, rule: { name: 'topology', sqlFilter: `${filter} AND lane IS NULL` } },
  ]);
});

test('a consumer that a domain declares is in what both clouds are made of, and nothing else changes', () => {
  const [domain, ...others] = METERS;
  const [consumer] = domain?.consumers ?? [];
  if (domain === undefined || consumer === undefined) throw new Error('The application has no consumer.');
  const added = { ...consumer, declaration: { ...consumer.declaration, name: 'audit' } };
  const changed = topologyOf([{ ...domain, consumers: [...domain.consumers, added] }, ...others]);
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  const before = names(topology.consumers);
  // AWS: infra/modules/aws-event-cell makes queues, filters, mappings and alarms for each of these.
  expect(names(changed.consumers).filter((name) => !before.includes(name))).toEqual(['audit']);
  expect(changed.consumers.filter(({ name }) => name !== 'audit')).toEqual(topology.consumers);
  expect({ ...changed, consumers: [] }).toEqual({ ...topology, consumers: [] });
  // Azure: infra/modules/azure-event-cell makes subscription, rule, role and alarms for each of these.
  const { subscriptions } = azureResources(changed).serviceBus;
  expect(subscriptions.find(({ name }) => name === 'audit')?.rule.sqlFilter).toContain("consumer = 'audit'");
  expect(subscriptions.filter(({ name }) => !name.startsWith('audit'))).toEqual(
    azureResources(topology).serviceBus.subscriptions,
  );
});
