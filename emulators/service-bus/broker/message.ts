// A message as it lies in a queue: its content, its place in the order, and who holds its lock.
import { randomFillSync } from 'node:crypto';
import { type DeliveryInfo, encodeDelivery } from '../amqp/delivery.ts';
import { type Encodable, int, long, timestamp } from '../amqp/encode.ts';
import type { MessageContent } from '../amqp/message.ts';
import { Uuid } from '../amqp/values.ts';
import type { HeldSession } from './sessions.ts';

export type MessageState = 'active' | 'deferred' | 'scheduled';

const STATE_CODE = { active: 0, deferred: 1, scheduled: 2 } as const;

/** A claim on a message that runs out. */
export interface MessageLock {
  /** Delivery tag: the token in the byte order of a .NET GUID. */
  readonly tag: Buffer;
  readonly key: string;
  until: number;
  /** Set when the lock lives and dies with a session's. */
  readonly session: HeldSession | undefined;
}

/** What a new message starts with; all but the content can be left to the store. */
export interface MessageOrigin {
  readonly enqueuedSequenceNumber?: number;
  readonly enqueuedTime?: number;
  readonly sequenceNumber?: number;
  readonly deliveryCount?: number;
  readonly deadLetterSource?: string | undefined;
  readonly wasScheduled?: boolean;
  /** Times the message was passed on by auto-forwarding. */
  readonly hops?: number;
  readonly state?: MessageState;
  readonly scheduledFor?: number | undefined;
  readonly expiresAt?: number;
  readonly ttlMs?: number | undefined;
}

/** One message in one queue, subscription or dead-letter queue. */
export class StoredMessage {
  content: MessageContent;
  readonly sequenceNumber: number;
  readonly enqueuedSequenceNumber: number;
  readonly enqueuedTime: number;
  readonly deadLetterSource: string | undefined;
  readonly wasScheduled: boolean;
  readonly hops: number;
  readonly scheduledFor: number | undefined;
  readonly expiresAt: number;
  /** The sender's time to live, capped by the queue's default. */
  readonly ttlMs: number | undefined;
  deliveryCount: number;
  state: MessageState;
  lock: MessageLock | undefined;
  removed = false;
  /** The message waits in an order of available messages. */
  queued = false;

  constructor(content: MessageContent, sequenceNumber: number, now: number, origin: MessageOrigin) {
    this.content = content;
    this.sequenceNumber = sequenceNumber;
    this.enqueuedSequenceNumber = origin.enqueuedSequenceNumber ?? 0;
    this.enqueuedTime = origin.enqueuedTime ?? now;
    this.deadLetterSource = origin.deadLetterSource;
    this.wasScheduled = origin.wasScheduled ?? false;
    this.hops = origin.hops ?? 0;
    this.scheduledFor = origin.scheduledFor;
    this.expiresAt = origin.expiresAt ?? Number.POSITIVE_INFINITY;
    this.ttlMs = origin.ttlMs;
    this.deliveryCount = origin.deliveryCount ?? 0;
    this.state = origin.state ?? 'active';
  }

  /** Whether a receiver may be given the message now. */
  get available(): boolean {
    return !this.removed && this.state === 'active' && this.lock === undefined;
  }

  get size(): number {
    return this.content.tail.length;
  }

  /** The message as it goes over the wire. */
  encode(omitBody = false): Buffer {
    const state = this.state === 'active' && this.wasScheduled ? 'scheduled' : this.state;
    const annotations: [string, Encodable][] = [
      ['x-opt-enqueued-time', timestamp(this.enqueuedTime)],
      ['x-opt-sequence-number', long(this.sequenceNumber)],
      ['x-opt-enqueue-sequence-number', long(this.enqueuedSequenceNumber)],
      ['x-opt-message-state', int(STATE_CODE[state])],
    ];
    if (this.lock !== undefined) annotations.push(['x-opt-locked-until', timestamp(this.lock.until)]);
    if (this.deadLetterSource !== undefined) annotations.push(['x-opt-deadletter-source', this.deadLetterSource]);
    const info: DeliveryInfo = { deliveryCount: this.deliveryCount, ttlMs: this.ttlMs, annotations };
    return encodeDelivery(this.content, info, omitBody);
  }
}

const TOKEN_BYTES = 16;
const TOKENS_AT_ONCE = 256;
let pool = Buffer.alloc(0);
let taken = 0;

/** A new lock token. Randomness is drawn for many at once, as each draw costs more than a delivery. */
export function newLock(until: number, session: HeldSession | undefined): MessageLock {
  if (taken >= pool.length) {
    pool = randomFillSync(Buffer.allocUnsafeSlow(TOKEN_BYTES * TOKENS_AT_ONCE));
    taken = 0;
  }
  const tag = pool.subarray(taken, taken + TOKEN_BYTES);
  taken += TOKEN_BYTES;
  return { tag, key: tag.toString('latin1'), until, session };
}

/** The key of the lock that a `$management` request names by uuid. */
export function lockKey(token: Uuid): string {
  return swapGuidBytes(token.bytes).toString('latin1');
}

/** The uuid by which `$management` names a lock. */
export function lockToken(lock: MessageLock): Uuid {
  return new Uuid(swapGuidBytes(lock.tag));
}

/** Converts between the byte order of a uuid's text and that of a .NET GUID; its own inverse. */
function swapGuidBytes(bytes: Buffer): Buffer {
  const swapped = Buffer.from(bytes);
  swapped.subarray(0, 4).reverse();
  swapped.subarray(4, 6).reverse();
  swapped.subarray(6, 8).reverse();
  return swapped;
}
