// The bus's promises to consumers: redelivery, attempts, dead letters, and messages that cannot be read.
import { times } from '../contract.ts';
import { BUS_CONSUMERS, type BusClause, type Delivery, Inbox, idOf, message } from './harness.ts';

const { visibilitySeconds, maximumDeliveries } = BUS_CONSUMERS.readings;

/** The service counts from when it handed a message over, the handler from when it got it. */
const SHORTEST_PAUSE_MS = visibilitySeconds * 1000 * 0.8;

const done = { status: 'done' } as const;
const retry = { status: 'retry', reason: 'not yet' } as const;

const attemptsOf = (inbox: Inbox, id: string): number[] => inbox.of(id).map(({ message: { attempt } }) => attempt);

export const consumingClauses = {
  'a message that was finished with does not come again': async (harness) => {
    const inbox = new Inbox(harness, (delivery) =>
      idOf(delivery) === 'slow' && delivery.message.attempt === 1 ? retry : done,
    );
    harness.consume('readings', inbox.handler);
    await harness.bus.publish([message('a'), message('slow')]);
    // The second coming of `slow` shows that the time for a second coming of `a` has passed.
    await inbox.until(() => inbox.of('slow').length === 2);
    await harness.bus.publish([message('end')]);
    await inbox.untilAll(['end']);
    expect(inbox.ids).toStrictEqual(['a', 'end', 'slow', 'slow']);
  },

  'a message to be retried comes again after the visibility timeout, with its attempt counted': async (harness) => {
    const inbox = new Inbox(harness, ({ message: { attempt } }) => (attempt < 3 ? retry : done));
    harness.consume('readings', inbox.handler);
    await harness.bus.publish([message('a', { data: { n: 1 } })]);
    await inbox.until((seen) => seen.length === 3);
    const [first, second, third] = inbox.seen;
    expect(attemptsOf(inbox, 'a')).toStrictEqual([1, 2, 3]);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(SHORTEST_PAUSE_MS);
    expect((third?.at ?? 0) - (second?.at ?? 0)).toBeGreaterThanOrEqual(SHORTEST_PAUSE_MS);
    expect(third?.message).toMatchObject({ tenant: 'acme', event: { id: 'a', data: { n: 1 } } });
  },

  'the mates of a message to be retried are finished with': async (harness) => {
    const ids = times(8, (index) => `m${index}`);
    const inbox = new Inbox(harness, (delivery) =>
      idOf(delivery) === 'm3' && delivery.message.attempt < 3 ? retry : done,
    );
    await harness.bus.publish(ids.map((id) => message(id)));
    harness.consume('readings', inbox.handler);
    await inbox.until(() => inbox.of('m3').length === 3);
    expect(inbox.ids).toStrictEqual([...ids, 'm3', 'm3'].sort());
  },

  'a handler that throws gets all messages of its batch again': async (harness) => {
    const ids = times(5, (index) => `m${index}`);
    const inbox = new Inbox(harness, ({ message: { attempt } }) => {
      if (attempt === 1) throw new Error('the handler broke');
      return done;
    });
    await harness.bus.publish(ids.map((id) => message(id)));
    harness.consume('readings', inbox.handler);
    await inbox.until(() => ids.every((id) => inbox.of(id).length === 2));
    for (const id of ids) expect(attemptsOf(inbox, id)).toStrictEqual([1, 2]);
  },

  'a message without an answer comes again': async (harness) => {
    const inbox = new Inbox(harness, ({ message: { attempt } }) => (attempt === 1 ? undefined : done));
    harness.consume('readings', inbox.handler);
    await harness.bus.publish([message('a')]);
    await inbox.until(() => inbox.of('a').length === 2);
    expect(attemptsOf(inbox, 'a')).toStrictEqual([1, 2]);
  },

  'consumers of the same message succeed and fail apart': async (harness) => {
    const readings = new Inbox(harness, ({ message: { attempt } }) => (attempt === 1 ? retry : done));
    const both = new Inbox(harness);
    harness.consume('readings', readings.handler);
    harness.consume('both', both.handler);
    await harness.bus.publish([message('a')]);
    await readings.until((seen) => seen.length === 2);
    await both.untilAll(['a']);
    expect(attemptsOf(both, 'a')).toStrictEqual([1]);
  },

  'a message that always fails ends among the dead letters after the limit, and its mates do not': async (harness) => {
    const healthy = times(6, (index) => `m${index}`);
    const inbox = new Inbox(harness, (delivery) => (idOf(delivery) === 'poison' ? retry : done));
    harness.consume('readings', inbox.handler);
    await harness.bus.publish([...healthy.slice(0, 3), 'poison', ...healthy.slice(3)].map((id) => message(id)));
    const deadLetters = await harness.deadLetters('readings', 1);
    expect(deadLetters.map((text) => (JSON.parse(text) as { id: string }).id)).toStrictEqual(['poison']);
    expect(attemptsOf(inbox, 'poison')).toStrictEqual(times(maximumDeliveries, (index) => index + 1));
    await harness.bus.publish([message('end')]);
    await inbox.untilAll(['end']);
    expect(inbox.ids).toStrictEqual(['end', ...healthy, ...times(maximumDeliveries, () => 'poison')].sort());
  },

  'a message that breaks its handler ends among the dead letters after the limit': async (harness) => {
    const inbox = new Inbox(harness, (delivery) => {
      if (idOf(delivery) === 'poison') throw new Error('the handler broke');
      return done;
    });
    harness.consume('readings', inbox.handler);
    await harness.bus.publish([message('poison')]);
    const deadLetters = await harness.deadLetters('readings', 1);
    expect(deadLetters.map((text) => (JSON.parse(text) as { id: string }).id)).toStrictEqual(['poison']);
    expect(attemptsOf(inbox, 'poison')).toStrictEqual(times(maximumDeliveries, (index) => index + 1));
  },

  'every message of a batch has a delivery id of its own, and batches keep to their limit': async (harness) => {
    const inbox = new Inbox(harness);
    const ids = times(40, (index) => `m${index}`);
    await harness.bus.publish(ids.map((id) => message(id)));
    harness.consume('readings', inbox.handler);
    await inbox.untilAll(ids);
    const batches = new Map<number, Delivery[]>();
    for (const delivery of inbox.seen) batches.set(delivery.batch, [...(batches.get(delivery.batch) ?? []), delivery]);
    for (const batch of batches.values()) {
      expect(batch.length).toBeLessThanOrEqual(BUS_CONSUMERS.readings.batchSize);
      expect(new Set(batch.map(({ message: { deliveryId } }) => deliveryId)).size).toBe(batch.length);
    }
  },

  'a text that is no event arrives as unreadable, with its tenant, among messages that are': async (harness) => {
    const inbox = new Inbox(harness);
    const attributes = { type: 'test.reading', tenant: 'acme' };
    const texts = ['no JSON', '[]', '"text"', '{"id":"x"}', '{"polycelltenant":"acme"}'];
    for (const text of texts) await harness.publishText(text, attributes);
    await harness.bus.publish([message('a')]);
    harness.consume('readings', inbox.handler);
    await inbox.untilAll([...texts, 'a']);
    for (const text of texts) {
      expect(inbox.of(text).map(({ message: delivered }) => delivered)).toStrictEqual([
        {
          deliveryId: expect.stringMatching(/./),
          attempt: 1,
          unreadable: expect.stringMatching(/./),
          text,
          tenant: 'acme',
        },
      ]);
    }
    expect(inbox.of('a')).toHaveLength(1);
  },

  'a text that is no event and is to be retried comes again': async (harness) => {
    const inbox = new Inbox(harness, ({ message: { attempt } }) => (attempt === 1 ? retry : done));
    harness.consume('readings', inbox.handler);
    await harness.publishText('no JSON', { type: 'test.reading', tenant: 'acme' });
    await inbox.until((seen) => seen.length === 2);
    expect(attemptsOf(inbox, 'no JSON')).toStrictEqual([1, 2]);
  },

  'the deadline of a batch lies ahead': async (harness) => {
    const seen: number[] = [];
    const inbox = new Inbox(harness);
    harness.consume('readings', (messages, deadline) => {
      seen.push(deadline - harness.clock.now());
      return inbox.handler(messages, deadline);
    });
    await harness.bus.publish([message('a')]);
    await inbox.untilAll(['a']);
    expect(seen[0]).toBeGreaterThan(0);
  },
} satisfies Record<string, BusClause>;
