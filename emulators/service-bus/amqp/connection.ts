// One AMQP connection as the server sees it: protocol headers, SASL, open, heartbeats, and the sessions within it.
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { asServiceBusError, CONDITION, ServiceBusError } from '../errors.ts';
import { type Encodable, symbolArray, ubyte, uint, ushort } from './encode.ts';
import {
  AMQP_HEADER,
  decodeFrame,
  EMPTY_FRAME,
  encodeError,
  encodeFrame,
  FRAME_TYPE,
  type Frame,
  FrameReader,
  PERFORMATIVE,
  SASL_HEADER,
} from './frames.ts';
import type { IncomingLink } from './incoming-link.ts';
import type { OutgoingLink } from './outgoing-link.ts';
import { Session } from './session.ts';
import { DecodeError, numberOr, text } from './values.ts';

/** The largest frame a client may send; the real service's figure. */
export const MAX_FRAME_SIZE = 65_536;
/** The largest frame sent to a client that names no limit. */
const MAX_OUTGOING_FRAME = 8 * 1024 * 1024;
const CHANNEL_MAX = 4_999;
const SASL_MECHANISMS = ['MSSBCBS', 'PLAIN', 'ANONYMOUS', 'EXTERNAL'];
/** Deliveries pause while this many bytes wait for a slow reader. */
const CONGESTED_BYTES = 4 * 1024 * 1024;

/** What the connection needs from the server around it. */
export interface ConnectionHost {
  /** Decides what a link is connected to; throws a ServiceBusError to refuse it. */
  attach(request: AttachRequest): LinkEnd | Promise<LinkEnd>;
  /** Called before bytes leave: what they acknowledge must be durable by then. */
  beforeWrite(): void;
  log(message: string): void;
}

/** A client's wish to open a link. */
export interface AttachRequest {
  readonly connection: Connection;
  readonly session: Session;
  readonly name: string;
  /** The client receives; otherwise it sends. */
  readonly clientReceives: boolean;
  /** The target is a transaction coordinator. */
  readonly transactional: boolean;
  readonly address: string;
  readonly replyAddress: string | undefined;
  readonly filter: ReadonlyMap<unknown, unknown>;
  readonly settled: boolean;
  readonly timeoutMs: number | undefined;
  /** Aborted when the client gives up before the link is open. */
  readonly signal: AbortSignal;
}

/** The server's end of a link that was granted. */
export type LinkEnd =
  | { readonly kind: 'sender'; readonly sink: Sink; readonly maxMessageSize: number }
  | { readonly kind: 'receiver'; readonly source: Source; readonly session?: { id: string; lockedUntil: number } };

/** Takes what a client sends. */
export interface Sink {
  /** Takes one transfer; `settle` is called once it is stored or refused. */
  receive(payload: Buffer, messageFormat: number, settle: (error?: ServiceBusError) => void): void;
  opened?(link: { close(error?: ServiceBusError): void }): void;
  closed?(): void;
}

/** Feeds what a client receives. */
export interface Source {
  opened(link: OutgoingLink): void;
  /** The link can take messages again, or the client asks for a drain and wants what is there now. */
  demand(link: OutgoingLink): void;
  /** The client settled a delivery; the answer says whether that was possible. */
  settle(tag: Buffer, state: DeliveryState): ServiceBusError | undefined;
  closed(link: OutgoingLink): void;
}

/** An outcome that a client reports for a delivery. */
export interface DeliveryState {
  readonly descriptor: number;
  /** The encoded state: what it carries for application properties must keep its types. */
  readonly bytes: Buffer | undefined;
}

/** The server side of one connection. */
export class Connection {
  readonly id = randomUUID();
  private readonly host: ConnectionHost;
  private readonly socket: Duplex;
  private readonly reader = new FrameReader(MAX_FRAME_SIZE);
  private readonly sessions = new Map<number, Session>();
  /** Channels of sessions that have ended: frames that were on their way then may still come. */
  private readonly ended = new Set<number>();
  private pending: Buffer[] = [];
  private flushing = false;
  private heartbeat: NodeJS.Timeout | undefined;
  private closing = false;
  private readonly merging = new Set<Session>();
  /** The largest frame the client takes. */
  remoteMaxFrame = MAX_OUTGOING_FRAME;
  remoteContainer = '';
  /** The name by which the client knows the namespace; errors use it. */
  hostname = '';

  constructor(socket: Duplex, host: ConnectionHost) {
    this.socket = socket;
    this.host = host;
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('drain', () => {
      for (const session of this.sessions.values()) session.resume();
    });
    socket.on('error', (error) => host.log(`connection ${this.id}: ${error.message}`));
    socket.on('close', () => this.dispose());
  }

  /** Whether the client reads too slowly for more to be sent. */
  get congested(): boolean {
    return this.socket.writableLength > CONGESTED_BYTES;
  }

  /** Every link on this connection. */
  *links(): Generator<IncomingLink | OutgoingLink> {
    for (const session of this.sessions.values()) yield* session.links.values();
  }

  /** Queues a frame; frames of one tick leave together. */
  send(channel: number, performative: number, fields: readonly Encodable[]): void {
    this.write(encodeFrame(channel, performative, fields));
  }

  /** The session holds dispositions back until the next write. */
  beforeFlush(session: Session): void {
    this.merging.add(session);
    this.scheduleFlush();
  }

  /** Queues bytes. */
  write(bytes: Buffer): void {
    this.pending.push(bytes);
    this.scheduleFlush();
  }

  /** Ends the connection, with an error if one is given, and then the socket. */
  close(error?: ServiceBusError): void {
    if (this.closing) return;
    this.closing = true;
    this.send(0, PERFORMATIVE.close, error === undefined ? [] : [encodeError(error.seenAt(this.hostname))]);
    this.flush();
    this.socket.end();
  }

  /** Cuts the connection without a word, as a network fault would. */
  destroy(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    try {
      for (const part of this.reader.feed(chunk)) {
        if (this.closing) return;
        if ('header' in part) this.onHeader(part.header);
        else {
          const frame = decodeFrame(part.frame);
          if (frame !== undefined) this.onFrame(frame);
        }
      }
    } catch (error) {
      this.host.log(`connection ${this.id}: ${error instanceof Error ? error.stack : String(error)}`);
      const known = asServiceBusError(error);
      this.close(new ServiceBusError(CONDITION.framingError, known.message));
    }
    // The SDK leaves Nagle's algorithm on. A segment without an answer would hold its next one back for 40 ms.
    this.scheduleFlush();
  }

  private scheduleFlush(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    for (const session of this.merging) session.flushDispositions();
    this.merging.clear();
    this.host.beforeWrite();
    const [first = EMPTY_FRAME] = this.pending;
    this.flushing = false;
    const bytes = this.pending.length > 1 ? Buffer.concat(this.pending) : first;
    this.pending = [];
    this.socket.write(bytes);
  }

  private onHeader(header: Buffer): void {
    if (header.equals(SASL_HEADER)) {
      this.write(SASL_HEADER);
      const mechanisms = [symbolArray(SASL_MECHANISMS)];
      this.write(encodeFrame(0, PERFORMATIVE.saslMechanisms, mechanisms, undefined, FRAME_TYPE.sasl));
    } else if (header.equals(AMQP_HEADER)) {
      this.write(AMQP_HEADER);
    } else {
      this.write(AMQP_HEADER);
      this.flush();
      this.socket.end();
    }
  }

  private onFrame(frame: Frame): void {
    switch (frame.performative) {
      case PERFORMATIVE.saslInit:
        // Every key is accepted, as the connection string of an emulator is no secret.
        this.write(encodeFrame(0, PERFORMATIVE.saslOutcome, [ubyte(0)], undefined, FRAME_TYPE.sasl));
        return;
      case PERFORMATIVE.open:
        this.onOpen(frame);
        return;
      case PERFORMATIVE.close:
        this.close();
        return;
      case PERFORMATIVE.begin:
        this.onBegin(frame);
        return;
      default: {
        const session = this.sessions.get(frame.channel);
        if (session === undefined) {
          if (this.ended.has(frame.channel)) return;
          throw new ServiceBusError(CONDITION.notFound, `no session ${frame.channel}`);
        }
        if (frame.performative === PERFORMATIVE.end) this.endSession(session);
        else session.onFrame(frame);
      }
    }
  }

  private onBegin(frame: Frame): void {
    const { channel } = frame;
    if (channel > CHANNEL_MAX) throw new DecodeError(`channel ${channel}, of which the largest is ${CHANNEL_MAX}`);
    if (this.sessions.has(channel)) throw new DecodeError(`a second session on channel ${channel}`);
    this.ended.delete(channel);
    this.sessions.set(channel, new Session(this, this.host, frame));
  }

  private endSession(session: Session): void {
    const { channel } = session;
    // What is settled already has to reach the client before its session is gone.
    session.flushDispositions();
    this.sessions.delete(channel);
    this.ended.add(channel);
    session.dispose();
    this.send(channel, PERFORMATIVE.end, []);
  }

  private onOpen({ fields }: Frame): void {
    const [container, hostname, maxFrame, , idleTimeout] = fields;
    this.remoteContainer = text(container) ?? '';
    this.hostname = text(hostname) ?? '';
    this.remoteMaxFrame = Math.min(numberOr(maxFrame, MAX_OUTGOING_FRAME), MAX_OUTGOING_FRAME);
    const idle = numberOr(idleTimeout, 0);
    if (idle > 0) {
      this.heartbeat = setInterval(() => this.write(EMPTY_FRAME), idle / 2);
      this.heartbeat.unref();
    }
    this.send(0, PERFORMATIVE.open, [this.id, null, uint(MAX_FRAME_SIZE), ushort(CHANNEL_MAX)]);
  }

  private dispose(): void {
    clearInterval(this.heartbeat);
    this.closing = true;
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) session.dispose();
  }
}
