// What may not be in an application: names that collide, and declarations that lead nowhere.
import { itemRead } from '../../../core/api/read.ts';
import { bodyValidator, write } from '../../../core/api/write.ts';
import { application } from '../../../core/application.ts';
import { domainPartition } from '../../../core/cell/identity.ts';
import { applicationFaults, consumerNamed, registryOf, topologyOf } from '../../../core/domain/application.ts';
import { type Domain, defineDomain } from '../../../core/domain/domain.ts';
import { eventType } from '../../../core/domain/event-type.ts';
import { claiming } from '../../../core/pipeline/claiming-consumer.ts';
import { METERS } from '../../support/meters.ts';

const placed = eventType('org.example.placed.v1', { type: 'object' });
const mail = claiming({ name: 'mail', types: [placed.type], effects: async () => [] });
const order = (name: string, code?: string) =>
  itemRead({
    name,
    path: '/v1/orders/{id}',
    summary: 'One order.',
    answer: { type: 'object' },
    ...(code !== undefined && { missing: { code, detail: () => 'There is none.' } }),
    handle: async () => undefined,
  });

const cancel = (path: `/v1/${string}` = '/v1/orders/{id}', more: object = {}) =>
  write({
    name: 'cancelOrder',
    method: 'DELETE',
    path,
    summary: 'Cancel an order.',
    toEvent: async () => ({ type: placed.type, data: {} }),
    ...more,
  });

const shop = (change: Partial<Domain> = {}): Domain =>
  defineDomain({
    name: 'shop',
    description: 'Orders.',
    events: [placed],
    validators: { [placed.type]: () => true },
    consumers: [mail],
    state: [domainPartition('shop.orders')],
    reads: [order('order', 'unknown_order')],
    missing: { unknown_order: 'There is no such order' },
    sample: () => ({ type: placed.type, subject: 'o-1', data: {} }),
    ...change,
  });

test('the project’s own application is sound', () => {
  expect(applicationFaults(application)).toEqual([]);
});

test('a sound domain beside it is, too', () => {
  expect(applicationFaults([...application, shop()])).toEqual([]);
});

test.each<[string, Partial<Domain>, string]>([
  [
    'a name in capitals',
    { name: 'Shop', state: [] },
    'Shop: a name has 1 to 32 of a-z 0-9 -, and begins with a letter.',
  ],
  [
    'a type without a version',
    {
      events: [placed, eventType('org.example.paid', {})],
      validators: { ...shop().validators, 'org.example.paid': () => true },
    },
    'shop: the event type org.example.paid must be lower-case and end in the version of its schema, such as .v1.',
  ],
  [
    'a type without a validator',
    { validators: {} },
    'shop: the event type org.example.placed.v1 has no validator; run `npm run generate`.',
  ],
  [
    'a consumer of nothing',
    { consumers: [claiming({ name: 'idle', types: [], effects: async () => [] })] },
    'shop: the consumer idle takes no event type.',
  ],
  [
    'a consumer of an unknown type',
    { consumers: [claiming({ name: 'lost', types: ['org.example.gone.v1'], effects: async () => [] })] },
    'shop: the consumer lost takes the event type org.example.gone.v1, which no domain declares.',
  ],
  [
    'a partition of another name',
    { state: [domainPartition('orders')] },
    'shop: the state partition orders must begin with shop. so that no other domain has it.',
  ],
  [
    'a partition of the engine',
    { state: [domainPartition('parked')] },
    'shop: the state partition parked is the engine’s.',
  ],
  [
    'a read that answers an undeclared code',
    { reads: [order('order', 'no_order')] },
    'shop: the read order answers no_order, which is not in missing.',
  ],
  [
    'a write that answers an undeclared code',
    { writes: [cancel('/v1/orders/{id}', { missing: { code: 'gone', detail: () => '' } })] },
    'shop: the write cancelOrder answers gone, which is not in missing.',
  ],
  [
    'a write without a subject',
    { writes: [cancel('/v1/orders')] },
    'shop: the path /v1/orders of the write cancelOrder must name the subject.',
  ],
  [
    'a write whose body has no validator',
    { writes: [cancel('/v1/orders/{id}', { body: { type: 'object' } })] },
    'shop: the body of the write cancelOrder has no validator; run `npm run generate`.',
  ],
  [
    'two writes of one method and path',
    { writes: [cancel(), cancel('/v1/orders/{order}' as never, { name: 'other' })] },
    'shop: the write DELETE /v1/orders/{} is declared by shop already.',
  ],
  [
    'a write with the name of a read',
    { writes: [cancel('/v1/orders/{id}', { name: 'order' })] },
    'shop: the read or write order is declared by shop already.',
  ],
])('%s is refused', (_name, change, fault) => {
  expect(applicationFaults([shop(change)])).toContain(fault);
});

test.each([
  ['an event type', 'store: the event type org.example.placed.v1 is declared by shop already.'],
  ['a consumer', 'store: the consumer mail is declared by shop already.'],
  ['a path, whatever its segment is called', 'store: the path /v1/orders/{} is declared by shop already.'],
  ['a problem', 'store: the problem unknown_order is declared by shop already.'],
])('%s of two domains is refused', (_name, fault) => {
  expect(applicationFaults([shop(), shop({ name: 'store', state: [] })])).toContain(fault);
});

test('registry and topology are those of all domains', () => {
  const both = [...METERS, shop()];
  expect(registryOf(both).has(placed.type)).toBe(true);
  // The validators of bodies are for no event.
  expect(METERS[0]?.validators).toHaveProperty([bodyValidator({ name: 'readMeter' })]);
  expect(registryOf(both).has(bodyValidator({ name: 'readMeter' }))).toBe(false);
  expect(topologyOf(both).consumers.map(({ name }) => name)).toEqual(['device-state', 'rollups', 'mail', 'replicate']);
  expect(topologyOf(both).consumers.at(-1)?.types).toContain(placed.type);
  expect(consumerNamed(both, 'mail').declaration).toMatchObject({ effects: 'home-only', types: [placed.type] });
  expect(() => consumerNamed(both, 'fax')).toThrow('No domain of the application declares a consumer fax.');
});

test('delivery sets batches and window, and a limit of its own wins', () => {
  const row = (more: object) => claiming({ name: 'x', types: ['t.v1'], effects: async () => [], ...more }).declaration;
  expect(row({})).toMatchObject({ batchSize: 500, batchWindowSeconds: 1 });
  expect(row({ delivery: 'latency' })).toMatchObject({ batchSize: 10, batchWindowSeconds: 0 });
  expect(row({ delivery: 'latency', batchSize: 5 })).toMatchObject({ batchSize: 5, batchWindowSeconds: 0 });
});
