// Reads and writes AMQP frames: protocol headers, performatives and their payloads.
import type { ServiceBusError } from '../errors.ts';
import { described, type Encodable, list, raw, symbol, uint, Writer } from './encode.ts';
import { DecodeError, numberOr, Reader, type Value } from './values.ts';

/** Descriptors of the performatives. */
export const PERFORMATIVE = {
  open: 0x10,
  begin: 0x11,
  attach: 0x12,
  flow: 0x13,
  transfer: 0x14,
  disposition: 0x15,
  detach: 0x16,
  end: 0x17,
  close: 0x18,
  saslMechanisms: 0x40,
  saslInit: 0x41,
  saslOutcome: 0x44,
} as const;

/** Descriptors of delivery states and of the error type. */
export const STATE = { received: 0x23, accepted: 0x24, rejected: 0x25, released: 0x26, modified: 0x27 } as const;
const ERROR = 0x1d;

export const FRAME_TYPE = { amqp: 0, sasl: 1 } as const;
export const AMQP_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 1, 0, 0]);
export const SASL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]);
/** A frame without content; it keeps a connection alive. */
export const EMPTY_FRAME = Buffer.from([0, 0, 0, 8, 2, 0, 0, 0]);

/** A performative and what came with it. */
export interface Frame {
  readonly type: number;
  readonly channel: number;
  readonly performative: number;
  readonly fields: readonly Value[];
  /** The encoded bytes of each field, for those that are echoed. */
  readonly fieldBytes: readonly Buffer[];
  readonly payload: Buffer;
}

const SMALLEST_FRAME = 8;

/** Cuts a stream of bytes into protocol headers and frames. */
export class FrameReader {
  private readonly maxFrameSize: number;
  private chunks: Buffer[] = [];
  private buffered = 0;
  private needed = SMALLEST_FRAME;

  constructor(maxFrameSize: number) {
    this.maxFrameSize = maxFrameSize;
  }

  /** Takes received bytes and yields the complete frames, or protocol headers, among them. */
  *feed(chunk: Buffer): Generator<{ readonly header: Buffer } | { readonly frame: Buffer }> {
    this.chunks.push(chunk);
    this.buffered += chunk.length;
    if (this.buffered < this.needed) return;
    let data = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks, this.buffered);
    this.needed = SMALLEST_FRAME;
    while (data.length >= SMALLEST_FRAME) {
      const size = data.readUInt32BE();
      if (size === 0x414d5150) {
        yield { header: data.subarray(0, 8) };
        data = data.subarray(8);
        continue;
      }
      if (size < SMALLEST_FRAME || size > this.maxFrameSize) throw new DecodeError(`a frame of ${size} bytes`);
      if (data.length < size) {
        this.needed = size;
        break;
      }
      yield { frame: data.subarray(0, size) };
      data = data.subarray(size);
    }
    this.chunks = data.length > 0 ? [data] : [];
    this.buffered = data.length;
  }
}

/** Decodes a frame; undefined for an empty one. */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  const start = (bytes[4] ?? 2) * 4;
  if (bytes.length <= start) return undefined;
  const reader = new Reader(bytes, start + 1);
  const descriptor = reader.read();
  const performative = typeof descriptor === 'string' ? (SYMBOLIC.get(descriptor) ?? -1) : numberOr(descriptor, -1);
  const { count } = reader.openList();
  const fields: Value[] = [];
  const fieldBytes: Buffer[] = [];
  const keepBytes = performative === PERFORMATIVE.attach || performative === PERFORMATIVE.disposition;
  for (let index = 0; index < count; index++) {
    const from = reader.position;
    fields.push(reader.read());
    if (keepBytes) fieldBytes.push(bytes.subarray(from, reader.position));
  }
  return {
    type: bytes[5] ?? 0,
    channel: bytes.readUInt16BE(6),
    performative,
    fields,
    fieldBytes,
    payload: bytes.subarray(reader.position),
  };
}

const SYMBOLIC = new Map<string, number>(
  Object.entries(PERFORMATIVE).map(([name, code]) => [
    `amqp:${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}:list`,
    code,
  ]),
);

/** Encodes a frame. Fields left out at the end take their default values. */
export function encodeFrame(
  channel: number,
  performative: number,
  fields: readonly Encodable[],
  payload?: Buffer,
  type: number = FRAME_TYPE.amqp,
): Buffer {
  const writer = new Writer(64 + (payload?.length ?? 0));
  writer.uint32(0);
  writer.byte(2);
  writer.byte(type);
  writer.uint16(channel);
  writer.write(described(performative, list(fields)));
  if (payload !== undefined) writer.bytes(payload);
  const bytes = writer.finish();
  bytes.writeUInt32BE(bytes.length, 0);
  return bytes;
}

/** Encodes a transfer: the frame written most, and so without the general machinery. */
export function encodeTransfer(
  channel: number,
  handle: number,
  deliveryId: number,
  tag: Buffer,
  settled: boolean,
  more: boolean,
  payload: Buffer,
): Buffer {
  const writer = new Writer(64 + payload.length);
  writer.uint32(0);
  writer.uint32(0x0200_0000 + channel);
  writer.bytes(TRANSFER_HEAD);
  writer.write(uint(handle));
  writer.byte(0x70);
  writer.uint32(deliveryId);
  writer.write(tag);
  writer.byte(0x43); // message-format 0
  writer.write(settled).write(more);
  const body = writer.finish();
  body.writeUInt32BE(body.length - LIST_SIZE_AT - 4, LIST_SIZE_AT);
  writer.bytes(payload);
  const bytes = writer.finish();
  bytes.writeUInt32BE(bytes.length, 0);
  return bytes;
}

const TRANSFER_HEAD = Buffer.from([0, 0x53, PERFORMATIVE.transfer, 0xd0, 0, 0, 0, 0, 0, 0, 0, 6]);
const LIST_SIZE_AT = 8 + 4;

export const accepted = described(STATE.accepted, list([]));
const ACCEPTED_BYTES = new Writer().write(accepted).finish();
export const acceptedBytes = raw(ACCEPTED_BYTES);

/** The delivery state that reports a refusal. */
export const rejected = (error: ServiceBusError): Encodable => described(STATE.rejected, list([encodeError(error)]));

/** An error as it appears in rejected states, `detach`, `end` and `close`. */
export const encodeError = (error: ServiceBusError): Encodable =>
  described(ERROR, list([symbol(error.condition), error.message]));
