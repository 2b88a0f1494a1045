// Domain tests catch consumers that are wrong: each kind of carelessness is refused.
import fc from 'fast-check';
import { domainPartition } from '../../../core/cell/identity.ts';
import { declareConsumer } from '../../../core/cell/topology.ts';
import type { Domain } from '../../../core/domain/domain.ts';
import { claiming, updates } from '../../../core/pipeline/claiming-consumer.ts';
import type { ConsumerDefinition, ConsumerDeps, TenantEvent } from '../../../core/pipeline/consumer.ts';
import type { JsonObject } from '../../../core/ports/json.ts';
import { scenarioOf } from '../../support/deliveries.ts';
import { candidate, READING } from '../../support/events.ts';
import { exactlyOnce, expectExactlyOnce, given } from '../../support/given.ts';
import { meters } from '../../support/meters.ts';
import { SEED } from '../../support/properties.ts';

const partition = domainPartition('meters.careless');
const of = (tenant: string) => partition.of(tenant);

/** The domain of meters with another consumer in place of its own. */
const withConsumer = (consumer: ConsumerDefinition): Domain => ({ ...meters, consumers: [consumer] });

const careless = (
  apply: (deps: ConsumerDeps) => (events: readonly TenantEvent[]) => Promise<void>,
): ConsumerDefinition => ({
  declaration: declareConsumer({ name: 'careless' }, [READING], 'home-only'),
  create: (deps) => ({ name: 'careless', apply: apply(deps) }),
});

/** The document with the values of some events added to it, as they come. */
const addedTo = (body: unknown, events: readonly TenantEvent[]) => ({
  values: [...((body as { values: number[] } | undefined)?.values ?? []), ...events.map(({ event }) => event.id)],
});

const counting = careless(({ state }) => async (events) => {
  const key = { partition: of('acme'), id: 'all' };
  const found = await state.get(key);
  await state.put({ ...key, body: addedTo(found?.body, events) }, found?.version ?? 'absent');
});

const lastDelivered = claiming({
  name: 'careless',
  types: [READING],
  partition: of,
  effects: updates({ idOf: () => 'last', initial: (): string => '', apply: (_state, { id }) => id }),
});

const events = fc.nat({ max: 20 }).map((number) => candidate({ id: `r-${number}` }));

/** Whether some scenario of the fixed seed shows the fault. */
async function found(domain: Domain): Promise<boolean> {
  const holds = fc.asyncProperty(scenarioOf<JsonObject>(events), (scenario) => expectExactlyOnce(domain, scenario));
  return (await fc.check(holds, { seed: SEED, numRuns: 50, endOnFailure: true })).failed;
}

test.each([
  ['adds up whatever is delivered', counting],
  ['keeps what was delivered last', lastDelivered],
])('a consumer that %s is refused', async (_how, consumer) => {
  expect(await found(withConsumer(consumer))).toBe(true);
});

exactlyOnce(meters, { runs: 20 });

test('an answer or a document that is another one fails the test', async () => {
  const outcome = given(meters, candidate()).when({ groups: 1, repeats: 2 });
  const device = { id: 'pump-1', readings: 1 };
  await outcome.thenAnswer('/v1/devices/pump-1', device);
  await expect(outcome.thenAnswer('/v1/devices/pump-1', { ...device, readings: 2 })).rejects.toThrow('toEqual');
  await outcome.thenDocuments('meters.known|acme', { 'pump-1': null });
  await expect(outcome.thenDocuments('meters.known|acme', {})).rejects.toThrow('toEqual');
});

test('events that the cell would not accept are no start of a test', async () => {
  const outcome = given(meters, candidate({ data: { metric: 't' } })).when();
  await outcome.thenRefused('invalid_data');
});

test('each event is delivered in the order that is asked for, with all repeats', async () => {
  const seen: string[] = [];
  const watching = careless(() => async (some) => void seen.push(some.map(({ event }) => event.id).join('+')));
  const domain = withConsumer(watching);
  const three = ['a', 'b', 'c'].map((id) => candidate({ id }));
  const order = async (way: Parameters<ReturnType<typeof given>['when']>[0]) => {
    seen.length = 0;
    await given(domain, ...three)
      .when(way)
      .thenDocuments('none', {});
    return [...seen];
  };
  expect(await order({})).toEqual(['a+b+c']);
  expect(await order({ order: 'reversed', groups: 2 })).toEqual(['c+b', 'a']);
  expect(await order({ order: [1, 0, 2, 1], groups: 1 })).toEqual(['b', 'a', 'c', 'b']);
  expect(await order({ repeats: 2 })).toEqual(['a+b+c', 'a+b+c']);
});
