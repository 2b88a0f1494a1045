// Messages on their way: a transfer split into the messages it carries, and a message put together for a receiver.
import { CONDITION, ServiceBusError } from '../errors.ts';
import { described, type Encodable, list, symbol, uint, Writer } from './encode.ts';
import { type MessageContent, SECTION } from './message.ts';
import { Reader } from './values.ts';

/** The message format of a batch: a sequence of data sections, each a whole message. */
export const BATCH_FORMAT = 0x80013700;

/** The messages of a transfer: one, or those of a batch. */
export function splitTransfer(payload: Buffer, messageFormat: number): Buffer[] {
  if (messageFormat === 0) return [payload];
  if (messageFormat !== BATCH_FORMAT)
    throw new ServiceBusError(CONDITION.notImplemented, `message format 0x${messageFormat.toString(16)}`);
  const messages: Buffer[] = [];
  const reader = new Reader(payload);
  while (reader.more) {
    reader.position++;
    const descriptor = reader.read();
    // The envelope repeats the first message's properties; only its data sections count.
    if (descriptor !== SECTION.data && descriptor !== 'amqp:data:binary') {
      reader.skip();
      continue;
    }
    const content = reader.read();
    if (Buffer.isBuffer(content)) messages.push(content);
  }
  return messages;
}

/** What the service adds to a message when it delivers it. */
export interface DeliveryInfo {
  readonly deliveryCount: number;
  readonly ttlMs: number | undefined;
  readonly annotations: readonly (readonly [string, Encodable])[];
}

/** The message as it is sent to a receiver; `omitBody` leaves its section out. */
export function encodeDelivery(content: MessageContent, info: DeliveryInfo, omitBody = false): Buffer {
  const writer = new Writer(256 + content.tail.length);
  const ttl = info.ttlMs;
  writer.write(
    described(
      SECTION.header,
      list([
        content.durable,
        (w) => {
          w.byte(0x50);
          w.byte(content.priority);
        },
        ttl === undefined ? null : uint(Math.min(ttl, 0xffff_ffff)),
        false,
        uint(info.deliveryCount),
      ]),
    ),
  );
  writer.byte(0);
  writer.byte(0x53);
  writer.byte(SECTION.messageAnnotations);
  writer.sized(0xd1, (info.annotations.length + content.annotations.size) * 2, () => {
    for (const [key, value] of info.annotations) writer.write(symbol(key)).write(value);
    for (const [key, value] of content.annotations) writer.write(symbol(key)).bytes(value);
  });
  writer.bytes(omitBody ? content.tail.subarray(0, content.tail.length - content.body.length) : content.tail);
  return writer.finish();
}
