// The AMQP codec, held against rhea's: an independent implementation that reads what ours writes, and the reverse.
import fc from 'fast-check';
import rhea from 'rhea';
import { BATCH_FORMAT, encodeDelivery, splitTransfer } from '../../amqp/delivery.ts';
import {
  double,
  encodable,
  encode,
  int,
  list,
  long,
  longArray,
  map,
  symbol,
  symbolArray,
  timestamp,
  ubyte,
  uint,
  ulong,
  uuid,
} from '../../amqp/encode.ts';
import { decodeFrame, encodeFrame, encodeTransfer, FrameReader } from '../../amqp/frames.ts';
import { parseMessage } from '../../amqp/message.ts';
import { DecodeError, Reader, Uuid, type Value } from '../../amqp/values.ts';
import { content, messageBytes } from './support.ts';

/** Exported by rhea, and missing from its declarations. */
const { Reader: RheaReader } = rhea.types as unknown as { Reader: new (bytes: Buffer) => { read(): unknown } };
const SEED = 20_240_607;
const decode = (bytes: Buffer): Value => new Reader(bytes).read();

describe('values', () => {
  test.each([
    ['null', null, encode(null)],
    ['true', true, encode(true)],
    ['ubyte', 7, encode(ubyte(7))],
    ['uint', 0, encode(uint(0))],
    ['uint', 255, encode(uint(255))],
    ['uint', 4_294_967_295, encode(uint(4_294_967_295))],
    ['int', -5, encode(int(-5))],
    ['ulong', 200, encode(ulong(200))],
    ['ulong', 2n ** 63n, encode(ulong(2n ** 63n))],
    ['long', -(2 ** 40), encode(long(-(2 ** 40)))],
    ['long', -(2n ** 62n), encode(long(-(2n ** 62n)))],
    ['double', 1.5, encode(double(1.5))],
    ['symbol', 'a', encode(symbol('a'))],
    ['timestamp', new Date(5), encode(timestamp(5))],
    ['long array', [1, -2], encode(longArray([1, -2]))],
    ['symbol array', ['a', 'bc'], encode(symbolArray(['a', 'bc']))],
    ['uuid', new Uuid(Buffer.alloc(16, 1)), encode(uuid(new Uuid(Buffer.alloc(16, 1))))],
    ['list', [1, 'x', []], encode(list([int(1), 'x', list([])]))],
    ['map', new Map<Value, Value>([['k', 1]]), encode(map([['k', int(1)]]))],
  ])('%s %p', (_name, value, bytes) => {
    expect(decode(bytes)).toEqual(value);
    const reader = new Reader(bytes);
    reader.skip();
    expect(reader.more).toBe(false);
  });

  test('any nested value comes back, and rhea reads the same', () => {
    const { tree } = fc.letrec<{ tree: Value }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'grapheme' }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
        fc.array(tie('tree'), { maxLength: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = encode(encodable(value));
        expect(decode(bytes)).toEqual(value);
        const read: unknown = rhea.types.unwrap(
          new RheaReader(bytes).read() as Parameters<typeof rhea.types.unwrap>[0],
        );
        expect(read).toEqual(value);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test('bytes cut short are an error, never a wrong value', () => {
    const whole = encode(list(['some text', long(5), map([['key', double(2.5)]])]));
    for (let length = 0; length < whole.length; length++)
      expect(() => decode(whole.subarray(0, length))).toThrow(DecodeError);
  });
});

describe('messages', () => {
  const message = {
    message_id: 'id',
    subject: 'subject',
    group_id: 'session',
    ttl: 5_000,
    durable: true,
    application_properties: { text: 'x', whole: rhea.types.wrap_long(5), fraction: rhea.types.wrap_double(1) },
    message_annotations: { 'x-opt-partition-key': 'session', 'x-opt-sequence-number': 99 },
    body: rhea.message.data_section(Buffer.from('body')),
  };

  test('what rhea encodes is taken apart', () => {
    const parsed = parseMessage(rhea.message.encode(message));
    expect(parsed).toMatchObject({ ttlMs: 5_000, durable: true, messageId: 'id', sessionId: 'session' });
    expect(parsed.partitionKey).toBe('session');
    expect(Object.fromEntries(parsed.applicationProperties)).toEqual({ text: 'x', whole: 5, fraction: 1 });
  });

  test('rhea reads a delivery, and types survive changes to other properties', () => {
    const changed = parseMessage(rhea.message.encode(message)).with(new Map([['added', 'y']]));
    const bytes = encodeDelivery(changed, {
      deliveryCount: 2,
      ttlMs: 5_000,
      annotations: [['x-opt-sequence-number', long(7)]],
    });
    const read = rhea.message.decode(bytes);
    expect(read).toMatchObject({ message_id: 'id', delivery_count: 2, ttl: 5_000, group_id: 'session' });
    expect(read.application_properties).toEqual({ text: 'x', whole: 5, fraction: 1, added: 'y' });
    expect(read.message_annotations).toEqual({ 'x-opt-sequence-number': 7, 'x-opt-partition-key': 'session' });
    // 0x82 is a double: a cycle through JavaScript's one number type would have made it an integer.
    expect(changed.tail.includes(Buffer.concat([encode('fraction'), encode(double(1))]))).toBe(true);
  });

  test('a body can be left out', () => {
    const bytes = encodeDelivery(
      content({ body: 'long' }),
      { deliveryCount: 0, ttlMs: undefined, annotations: [] },
      true,
    );
    expect(rhea.message.decode(bytes).body).toBeUndefined();
  });

  test('a message without an id is given one, its other properties kept', () => {
    const parsed = parseMessage(messageBytes({ label: 'l', session: 's' }));
    expect(parsed.messageId).toMatch(/^[0-9a-f]{32}$/);
    expect(parsed.properties[3]).toBe('l');
    expect(parsed.sessionId).toBe('s');
  });

  test('a batch is split, and its envelope ignored', () => {
    const parts = [messageBytes({ body: '1' }), messageBytes({ body: '2' })];
    const envelope = rhea.message.encode({ message_id: 'envelope', body: rhea.message.data_sections(parts) });
    expect(splitTransfer(envelope, BATCH_FORMAT)).toEqual(parts);
    expect(splitTransfer(messageBytes(), 0)).toHaveLength(1);
    expect(() => splitTransfer(envelope, 5)).toThrow(expect.objectContaining({ condition: 'amqp:not-implemented' }));
  });
});

describe('frames', () => {
  test('are found however the bytes are cut', () => {
    const frames = [
      encodeFrame(3, 0x13, [uint(1), null, true]),
      encodeTransfer(0xabcd, 1, 70_000, Buffer.alloc(16, 5), false, true, Buffer.from('payload')),
      encodeFrame(0, 0x18, []),
    ];
    const stream = Buffer.concat(frames);
    for (const size of [1, 7, 64, stream.length]) {
      const reader = new FrameReader(65_536);
      const found: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size)
        for (const part of reader.feed(stream.subarray(at, at + size))) if ('frame' in part) found.push(part.frame);
      expect(found.map((frame) => frame.toString('hex'))).toEqual(frames.map((frame) => frame.toString('hex')));
    }
  });

  test('a transfer says what was put in', () => {
    const tag = Buffer.alloc(16, 5);
    const frame = decodeFrame(encodeTransfer(0xabcd, 1, 70_000, tag, false, true, Buffer.from('payload')));
    expect(frame).toMatchObject({ channel: 0xabcd, performative: 0x14, fields: [1, 70_000, tag, 0, false, true] });
    expect(frame?.payload.toString()).toBe('payload');
  });

  test('one that is too large is an error', () => {
    expect(() => [...new FrameReader(100).feed(encodeFrame(0, 0x18, ['x'.repeat(200)]))]).toThrow(DecodeError);
  });
});
