// Tests of a domain: given events, when they are delivered in some way, then the reads answer this; and the proof of exactly once.
import fc from 'fast-check';
import type { JsonSchema, Static } from '../../core/api/schema.ts';
import type { Domain } from '../../core/domain/domain.ts';
import type { EventType } from '../../core/domain/event-type.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import type { StoredDocument } from '../../core/ports/store.ts';
import { type Delivery, type Scenario, scenarioOf } from './deliveries.ts';
import { START } from './fake-clock.ts';
import { property } from './properties.ts';
import { mint } from './route-tokens.ts';
import { deliver, TENANT, type World, world } from './world.ts';

/** What is known of an event of a test beside its data. */
export interface Happening {
  readonly subject: string;
  /** RFC 3339; not after 2026-11-21T07:41:03Z, when tests begin. */
  readonly time: string;
  /** Made of everything else unless given: the same words are the same event. */
  readonly id?: string;
}

/** An event as a client sends it. */
export function happened<S extends JsonSchema>(
  { type }: EventType<S>,
  { subject, time, id = `${time} ${subject}` }: Happening,
  data: Static<S>,
): JsonObject {
  return {
    specversion: '1.0',
    id: id === `${time} ${subject}` ? `${id} ${type} ${JSON.stringify(data)}` : id,
    source: 'urn:test',
    type,
    subject,
    time,
    data: data as JsonObject,
  };
}

/** How events reach the consumers. */
export interface Way {
  /** As given, the other way round, or by their index. */
  readonly order?: 'given' | 'reversed' | readonly number[];
  /** Events in a delivery; all of them unless given. */
  readonly groups?: number;
  /** How often everything is delivered; once unless given. */
  readonly repeats?: number;
  /** Consumers that run at the same time and share the deliveries; one unless given. */
  readonly workers?: 1 | 2;
}

/** What came of it; each `then…` can be asked any number of times. */
export interface Outcome {
  /** What a read answers. */
  thenAnswer(path: string, answer: unknown): Promise<void>;
  /** The documents of a partition by id; claims are left out. */
  thenDocuments(partition: string, documents: Readonly<Record<string, unknown>>): Promise<void>;
  /** The error that the consumers refuse the events with. */
  thenRefused(message: string | RegExp): Promise<void>;
}

/** Begins with a cell of one domain that has taken no event yet. */
export const given = (domain: Domain, ...events: readonly JsonObject[]) => ({
  /** Stores the events and delivers them to every consumer of the domain. */
  when(way: Way = {}): Outcome {
    const here = world({ application: [domain] });
    const run = deliverToAll(here, domain, events, deliveriesOf(way, events.length));
    // Each `then` awaits it; without one, its rejection must not end the process.
    run.catch(() => undefined);
    return {
      async thenAnswer(path, answer) {
        await run;
        const now = Math.floor(here.cell.clock.now() / 1000);
        const token = mint({ claims: { iat: now, exp: now + 60 } });
        expect((await here.cell.call(path, { token })).body).toEqual(answer);
      },
      async thenDocuments(partition, documents) {
        await run;
        const found = Object.entries((await here.cell.stored())[partition] ?? {});
        const effects = found.filter(([id]) => !id.startsWith('claim!')).map(([id, { body }]) => [id, body]);
        expect(Object.fromEntries(effects)).toEqual(documents);
      },
      thenRefused: (message) => expect(run).rejects.toThrow(message),
    };
  },
});

function deliveriesOf({ order = 'given', groups, repeats = 1, workers = 1 }: Way, count: number): Delivery[] {
  const indices = [...Array(count).keys()];
  const ordered = order === 'given' ? indices : order === 'reversed' ? indices.reverse() : order;
  const size = groups ?? Math.max(1, ordered.length);
  const once = Array.from({ length: Math.ceil(ordered.length / size) }, (_, part) =>
    ordered.slice(part * size, (part + 1) * size),
  );
  return Array.from({ length: repeats }, () => once)
    .flat()
    .map((events, at) => ({ worker: workers === 2 && at % 2 === 1 ? 1 : 0, events }));
}

/** All consumers, one after the other; each gets the events of its types. All events are stored in any case. */
async function deliverToAll(
  here: World,
  { consumers }: Domain,
  events: readonly JsonObject[],
  deliveries: readonly Delivery[],
): Promise<void> {
  for (const { declaration, create } of consumers)
    await deliver(here, create(here.deps), events, deliveries, declaration.types);
  await here.ingest(events);
}

/** Subjects and rounds of samples that `exactlyOnce` chooses from: few, so that events meet in the same documents. */
const SUBJECTS = 3;
const ROUNDS = 20;

/** Samples of a domain, at times that are often in the same minute and sometimes days apart. */
const samplesOf = (domain: Domain): fc.Arbitrary<JsonObject> =>
  fc
    .record({
      subject: fc.nat({ max: SUBJECTS - 1 }),
      round: fc.nat({ max: ROUNDS - 1 }),
      secondsAgo: fc.oneof(fc.nat({ max: 90 }), fc.nat({ max: 200_000 })),
    })
    .map(({ subject, round, secondsAgo }) => {
      const sample = domain.sample(subject, round);
      const time = new Date(START - secondsAgo * 1000).toISOString();
      const id = `${subject}-${round}-${secondsAgo}`;
      return { specversion: '1.0', id, source: 'urn:test', ...sample, time };
    });

/** The state as far as it is of interest: bodies without versions. */
const bodiesOf = (stored: Readonly<Record<string, Record<string, StoredDocument>>>) =>
  Object.fromEntries(
    Object.entries(stored).map(([partition, documents]) => [
      partition,
      Object.fromEntries(Object.entries(documents).map(([id, { body }]) => [id, body])),
    ]),
  );

/**
 * Fails unless events that are delivered in any order and grouping, with repeats, in two workers and over a failing store leave the
 * same documents as when each is delivered once; and unless a repeat of everything leaves them untouched.
 */
export async function expectExactlyOnce(domain: Domain, scenario: Scenario<JsonObject>): Promise<void> {
  const { events, deliveries, script } = scenario;
  const everything = [...events.keys()];
  const straight = world({ application: [domain] });
  const distinct = events.filter(({ id }, index) => events.findIndex((each) => each.id === id) === index);
  await deliverToAll(straight, domain, distinct, [{ worker: 0, events: [...distinct.keys()] }]);

  const here = world({ application: [domain], script });
  await deliverToAll(here, domain, events, deliveries);
  const after = await here.cell.stored();
  expect(bodiesOf(after)).toEqual(bodiesOf(await straight.cell.stored()));

  await deliverToAll(here, domain, events, [
    { worker: 0, events: everything },
    { worker: 1, events: [...everything].reverse() },
  ]);
  expect(await here.cell.stored()).toEqual(after);
}

export interface ExactlyOnceOptions {
  /** Events to choose from, as clients send them; the domain's samples unless given. */
  readonly events?: fc.Arbitrary<JsonObject>;
  readonly runs?: number;
}

/** Declares the test that every consumer of the domain applies each event once, whatever is delivered how. */
export function exactlyOnce(domain: Domain, { events = samplesOf(domain), runs = 100 }: ExactlyOnceOptions = {}): void {
  property(
    `${domain.name}: any order, grouping, repeats, two workers and faults of the store leave what one delivery of each event leaves`,
    scenarioOf(events),
    (scenario) => expectExactlyOnce(domain, scenario),
    runs,
  );
}

export { TENANT };
