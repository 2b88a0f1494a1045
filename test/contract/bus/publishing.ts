// The bus's promises to publishers: outcomes, limits, filters, and events that arrive unharmed.
import fc from 'fast-check';
import { BUS_LIMITS, type DeliveredMessage } from '../../../core/ports/bus.ts';
import type { Json } from '../../../core/ports/json.ts';
import { PROPERTY_SEED, times } from '../contract.ts';
import { type BusClause, type BusConsumer, type BusHarness, Inbox, idOf, message, words } from './harness.ts';

/** Opens an inbox for each consumer named. */
function inboxes<Name extends BusConsumer>(harness: BusHarness, ...names: Name[]): Record<Name, Inbox> {
  const made = names.map((name) => {
    const inbox = new Inbox(harness);
    harness.consume(name, inbox.handler);
    return [name, inbox] as const;
  });
  return Object.fromEntries(made) as Record<Name, Inbox>;
}

const DATA: readonly string[] = [
  'null',
  'false',
  '""',
  '[]',
  '{"":{}}',
  '[0,-1.5,1e300,5e-324,9007199254740992]',
  '"😀 e\u0301 ﷽ \u202e \u2028 \u0085 \u007f"',
  '"\\u0000 \\u001f \\ud800 \\udc00"',
  // Unicode that is no character: XML, and so SNS and SQS, cannot carry it as it is.
  '"\ufffe \uffff"',
  '"<a href=\\"x\\">&amp;</a> %41 + & = \\\\"',
  '{"polycelltenant":"mallory","tenant":"mallory","consumer":"mallory","specversion":"0.3"}',
  `${'[{"a":'.repeat(45)}1${'}]'.repeat(45)}`,
];

const anyJson = fc.jsonValue({
  maxDepth: 5,
  stringUnit: fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    fc.constantFrom('😀', '"', '\\', '<', '&', '%', '+', '__proto__'),
  ),
});

/** A message whose text has about so many bytes. */
const sized = (id: string, bytes: number) => message(id, { data: 'x'.repeat(bytes) });

export const publishingClauses = {
  'publishing nothing answers nothing': async ({ bus }) => {
    expect(await bus.publish([])).toStrictEqual([]);
  },

  'a message in the side lane comes to the side queues of its subscribers, and others to their first': async (
    harness,
  ) => {
    const [first, side, others] = [new Inbox(harness), new Inbox(harness), new Inbox(harness)];
    harness.consume('readings', first.handler);
    harness.consume('readings', side.handler, 'side');
    harness.consume('alarms', others.handler, 'side');
    await harness.bus.publish([
      { ...message('a'), lane: 'side' },
      message('b'),
      { ...message('c', { consumer: 'readings' }), lane: 'side' },
      { ...message('d', { consumer: 'both' }), lane: 'side' },
      message('e'),
      { ...message('f', { type: 'test.alarm' }), lane: 'side' },
      { ...message('g'), lane: 'side' },
    ]);
    await Promise.all([first.untilAll(['b', 'e']), side.untilAll(['a', 'c', 'g']), others.untilAll(['f'])]);
    expect([first.ids, side.ids, others.ids]).toStrictEqual([['b', 'e'], ['a', 'c', 'g'], ['f']]);
  },

  'a message arrives with its event, its tenant, and what its cell knows of it, for the first time': async (
    harness,
  ) => {
    const { readings } = inboxes(harness, 'readings');
    const sent = message('a', { data: { metric: 'temperature', value: 21.5 } });
    const event = {
      ...sent.event,
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      extension: 'x',
    };
    const known = {
      origin: 'cell-9',
      context: '00-5bf92f3577b34da6a3ce929d0e0e4736-10f067aa0ba902b7-00',
      acceptedAt: 1_795_246_863_000,
    };
    expect(await harness.bus.publish([{ ...sent, ...known, event }])).toStrictEqual([{ status: 'published' }]);
    await readings.untilAll(['a']);
    expect(readings.seen[0]?.message).toStrictEqual({
      deliveryId: expect.stringMatching(/./),
      attempt: 1,
      tenant: 'acme',
      ...known,
      event: {
        specversion: '1.0',
        id: 'a',
        source: '/contract',
        type: 'test.reading',
        subject: 'device-1',
        time: '2026-11-21T07:41:03Z',
        data: { metric: 'temperature', value: 21.5 },
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        extension: 'x',
      },
    });
  },

  'when a message was accepted arrives also where its cell is not named': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    await harness.bus.publish([{ ...message('a'), acceptedAt: 1_795_246_863_000 }]);
    await readings.untilAll(['a']);
    expect(readings.seen[0]?.message).toMatchObject({ acceptedAt: 1_795_246_863_000 });
    expect(readings.seen[0]?.message).not.toHaveProperty('origin');
  },

  'a message for one consumer says so': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    await harness.bus.publish([message('a', { consumer: 'readings' })]);
    await readings.untilAll(['a']);
    const [seen] = readings.seen;
    const { deliveryId: _, attempt: __, ...found } = (seen as { message: DeliveredMessage }).message;
    expect(found).toStrictEqual(message('a', { consumer: 'readings' }));
  },

  'every consumer gets the types it subscribes to, and no others': async (harness) => {
    const { readings, alarms, both } = inboxes(harness, 'readings', 'alarms', 'both');
    const outcomes = await harness.bus.publish([
      message('r1'),
      message('a1', { type: 'test.alarm' }),
      message('n1', { type: 'test.nobody' }),
      message('n2', { type: 'test.reading.v2' }),
      message('n3', { type: 'TEST.READING' }),
      message('r2'),
      message('a2', { type: 'test.alarm' }),
    ]);
    expect(words(outcomes)).toStrictEqual(times(7, () => 'published'));
    await both.untilAll(['r1', 'r2', 'a1', 'a2']);
    await Promise.all([readings.untilAll(['r1', 'r2']), alarms.untilAll(['a1', 'a2'])]);
    await harness.bus.publish([message('end'), message('end', { type: 'test.alarm' })]);
    await Promise.all([readings, alarms, both].map((inbox) => inbox.untilAll(['end'])));
    expect(readings.ids).toStrictEqual(['end', 'r1', 'r2']);
    expect(alarms.ids).toStrictEqual(['a1', 'a2', 'end']);
    expect(new Set(both.ids)).toStrictEqual(new Set(['a1', 'a2', 'end', 'r1', 'r2']));
  },

  'a message addressed to one consumer reaches that one alone': async (harness) => {
    const { readings, both } = inboxes(harness, 'readings', 'both');
    const outcomes = await harness.bus.publish([
      message('for both', { consumer: 'both' }),
      message('for readings', { consumer: 'readings' }),
      message('for nobody', { consumer: 'nobody' }),
      message('for all'),
    ]);
    expect(words(outcomes)).toStrictEqual(times(4, () => 'published'));
    await Promise.all([readings.untilAll(['for readings', 'for all']), both.untilAll(['for both', 'for all'])]);
    await harness.bus.publish([message('end')]);
    await Promise.all([readings, both].map((inbox) => inbox.untilAll(['end'])));
    expect(readings.ids).toStrictEqual(['end', 'for all', 'for readings']);
    expect(both.ids).toStrictEqual(['end', 'for all', 'for both']);
  },

  'messages wait for a consumer that is not there yet': async (harness) => {
    const ids = times(12, (index) => `m${index}`);
    await harness.bus.publish(ids.map((id) => message(id)));
    const { readings } = inboxes(harness, 'readings');
    await readings.untilAll(ids);
  },

  'more messages than the service takes in one request are all published, each once': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    const ids = times(35, (index) => `m${String(index).padStart(2, '0')}`);
    expect(words(await harness.bus.publish(ids.map((id) => message(id))))).toStrictEqual(ids.map(() => 'published'));
    await readings.untilAll(ids);
    expect(readings.ids).toStrictEqual(ids);
  },

  'more bytes than the service takes in one request are all published': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    const ids = times(7, (index) => `m${index}`);
    const outcomes = await harness.bus.publish(ids.map((id) => sized(id, 120_000)));
    expect(words(outcomes)).toStrictEqual(ids.map(() => 'published'));
    await readings.untilAll(ids);
    for (const id of ids) expect(readings.of(id)[0]?.message).toMatchObject({ event: { data: 'x'.repeat(120_000) } });
  },

  'a message that is too large fails as too-large, in its place, and the others are published': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    const outcomes = await harness.bus.publish([
      message('a'),
      sized('too large', BUS_LIMITS.messageBytes),
      message('b'),
      sized('far too large', 4 * BUS_LIMITS.messageBytes),
      sized('just right', BUS_LIMITS.messageBytes - 1024),
      // Its bytes count, not its characters.
      message('too wide', { data: 'é'.repeat(BUS_LIMITS.messageBytes / 2) }),
    ]);
    expect(words(outcomes)).toStrictEqual([
      'published',
      'too-large',
      'published',
      'too-large',
      'published',
      'too-large',
    ]);
    await readings.untilAll(['a', 'b', 'just right']);
    await harness.bus.publish([message('end')]);
    await readings.untilAll(['end']);
    expect(readings.ids).toStrictEqual(['a', 'b', 'end', 'just right']);
  },

  'events at the edges of JSON arrive as they are': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    const sent = DATA.map((text, index) => message(`m${index}`, { data: JSON.parse(text) as Json }));
    expect(words(await harness.bus.publish(sent))).toStrictEqual(DATA.map(() => 'published'));
    await readings.untilAll(sent.map(({ event }) => event.id));
    for (const [index, text] of DATA.entries()) {
      const delivered = readings.of(`m${index}`)[0]?.message;
      const event = delivered !== undefined && 'event' in delivered ? delivered.event : undefined;
      expect([text, event?.data]).toStrictEqual([text, JSON.parse(text)]);
      expect(delivered).toMatchObject({ tenant: 'acme', event: { specversion: '1.0' } });
    }
  },

  'identities of any text arrive as they are': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    const ids = ['😀', '\ufffe', '\u0000', '\ud800', ' ', '<&>', 'é'.repeat(128), '__proto__'];
    await harness.bus.publish(ids.map((id) => message(id)));
    await readings.untilAll(ids);
    expect(readings.ids).toStrictEqual([...ids].sort());
  },

  'any JSON value arrives as it is': async (harness) => {
    const { readings } = inboxes(harness, 'readings');
    const values = fc.sample(anyJson, { seed: PROPERTY_SEED, numRuns: 120 }) as Json[];
    const sent = values.map((data, index) => message(`m${index}`, { data }));
    expect(words(await harness.bus.publish(sent))).toStrictEqual(values.map(() => 'published'));
    await readings.untilAll(sent.map(({ event }) => event.id));
    for (const delivery of readings.seen) {
      const value = values[Number(idOf(delivery).slice(1))];
      const event = 'event' in delivery.message ? delivery.message.event : undefined;
      expect(event?.data).toStrictEqual(JSON.parse(JSON.stringify(value)));
    }
  },
} satisfies Record<string, BusClause>;
