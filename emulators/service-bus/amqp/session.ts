// One AMQP session: transfer windows, delivery ids, dispositions, and the opening and closing of links.
import { asServiceBusError, CONDITION, ServiceBusError } from '../errors.ts';
import { readAttach, receiverGranted, refused, senderGranted } from './attach.ts';
import type { AttachRequest, Connection, ConnectionHost, LinkEnd } from './connection.ts';
import { type Encodable, uint, ushort } from './encode.ts';
import { acceptedBytes, encodeError, encodeTransfer, type Frame, PERFORMATIVE, rejected, STATE } from './frames.ts';
import { IncomingLink } from './incoming-link.ts';
import { OutgoingLink } from './outgoing-link.ts';
import { Described, numberOr } from './values.ts';

/** So wide that link credit alone limits what a client sends. */
const INCOMING_WINDOW = 0x7fff_ffff;
const OUTGOING_WINDOW = 0x7fff_ffff;
const HANDLE_MAX = 255;
/** Room for the performative in a frame whose payload is cut to size. */
const TRANSFER_OVERHEAD = 512;

interface Unsettled {
  readonly link: OutgoingLink;
  readonly tag: Buffer;
}

/** A link that is being opened. */
interface Opening {
  readonly abort: AbortController;
  readonly frames: Frame[];
}

/** The server side of one session. Handles and channels are the client's, as only clients open anything. */
export class Session {
  readonly connection: Connection;
  readonly channel: number;
  readonly links = new Map<number, IncomingLink | OutgoingLink>();
  private readonly host: ConnectionHost;
  private readonly opening = new Map<number, Opening>();
  private readonly unsettled = new Map<number, Unsettled>();
  private nextIncoming: number;
  private nextOutgoing = 0;
  private nextDeliveryId = 0;
  private remoteWindow: number;
  private blocked: Buffer[] = [];
  private acceptRun: { first: number; last: number } | undefined;

  constructor(connection: Connection, host: ConnectionHost, begin: Frame) {
    this.connection = connection;
    this.host = host;
    this.channel = begin.channel;
    const [, nextOutgoing, incomingWindow] = begin.fields;
    this.nextIncoming = numberOr(nextOutgoing, 0);
    this.remoteWindow = numberOr(incomingWindow, 0);
    connection.send(this.channel, PERFORMATIVE.begin, [
      ushort(this.channel),
      uint(this.nextOutgoing),
      uint(INCOMING_WINDOW),
      uint(OUTGOING_WINDOW),
      uint(HANDLE_MAX),
    ]);
  }

  /** Whether the client has room for another delivery. */
  get canSend(): boolean {
    return this.remoteWindow > 0 && this.blocked.length === 0 && !this.connection.congested;
  }

  onFrame(frame: Frame): void {
    const handle = this.handleOf(frame);
    const opening = handle === undefined ? undefined : this.opening.get(handle);
    if (handle !== undefined && opening !== undefined) {
      opening.frames.push(frame);
      if (frame.performative === PERFORMATIVE.detach) opening.abort.abort();
      return;
    }
    switch (frame.performative) {
      case PERFORMATIVE.attach:
        this.onAttach(frame);
        return;
      case PERFORMATIVE.flow:
        this.onFlow(frame);
        return;
      case PERFORMATIVE.transfer:
        this.nextIncoming = (this.nextIncoming + 1) >>> 0;
        this.onTransfer(frame);
        return;
      case PERFORMATIVE.disposition:
        this.onDisposition(frame);
        return;
      case PERFORMATIVE.detach:
        this.onDetach(frame);
        return;
      default:
        throw new ServiceBusError(CONDITION.notImplemented, `performative ${frame.performative}`);
    }
  }

  /** Sends one message in as many frames as the client's frame size asks for. */
  transfer(link: OutgoingLink, payload: Buffer, tag: Buffer, settled: boolean): void {
    const id = this.nextDeliveryId;
    this.nextDeliveryId = (id + 1) >>> 0;
    if (!settled) this.unsettled.set(id, { link, tag });
    const room = this.connection.remoteMaxFrame - TRANSFER_OVERHEAD;
    let from = 0;
    do {
      const to = Math.min(payload.length, from + room);
      const more = to < payload.length;
      const part = from === 0 && !more ? payload : payload.subarray(from, to);
      this.output(encodeTransfer(this.channel, link.handle, id, tag, settled, more, part));
      from = to;
    } while (from < payload.length);
  }

  /** Settles a delivery that the client sent; accepted ones of one tick share a frame. */
  settle(id: number, error?: ServiceBusError): void {
    if (error !== undefined) {
      this.flushDispositions();
      this.connection.send(this.channel, PERFORMATIVE.disposition, [
        true,
        uint(id),
        uint(id),
        true,
        this.rejected(error),
      ]);
      return;
    }
    if (this.acceptRun !== undefined && this.acceptRun.last + 1 === id) {
      this.acceptRun.last = id;
      return;
    }
    this.flushDispositions();
    this.acceptRun = { first: id, last: id };
    this.connection.beforeFlush(this);
  }

  /** Writes the dispositions that were held back to be merged. */
  flushDispositions(): void {
    const run = this.acceptRun;
    if (run === undefined) return;
    this.acceptRun = undefined;
    this.connection.send(this.channel, PERFORMATIVE.disposition, [
      true,
      uint(run.first),
      uint(run.last),
      true,
      acceptedBytes,
    ]);
  }

  /** Sends the client the session's windows and, with `link`, a link's credit. */
  sendFlow(link: readonly Encodable[] = []): void {
    this.connection.send(this.channel, PERFORMATIVE.flow, [
      uint(this.nextIncoming),
      uint(INCOMING_WINDOW),
      uint(this.nextOutgoing),
      uint(OUTGOING_WINDOW),
      ...link,
    ]);
  }

  /** Closes a link from this side. */
  detach(link: IncomingLink | OutgoingLink, error?: ServiceBusError): void {
    if (this.links.get(link.handle) !== link) return;
    this.links.delete(link.handle);
    this.forget(link);
    this.sendDetach(link.handle, error);
    link.dispose();
  }

  /** The client can take more again. */
  resume(): void {
    while (this.blocked.length > 0 && this.remoteWindow > 0) {
      const bytes = this.blocked.shift();
      if (bytes !== undefined) this.emit(bytes);
    }
    for (const link of this.links.values()) if (link.direction === 'outgoing' && link.ready) link.source.demand(link);
  }

  /** The session is over. */
  dispose(): void {
    const links = [...this.links.values()];
    this.links.clear();
    for (const { abort } of this.opening.values()) abort.abort();
    this.opening.clear();
    this.unsettled.clear();
    for (const link of links) link.dispose();
  }

  private output(bytes: Buffer): void {
    if (this.remoteWindow > 0 && this.blocked.length === 0) this.emit(bytes);
    else this.blocked.push(bytes);
  }

  private emit(bytes: Buffer): void {
    this.remoteWindow--;
    this.nextOutgoing = (this.nextOutgoing + 1) >>> 0;
    this.connection.write(bytes);
  }

  private handleOf({ performative, fields }: Frame): number | undefined {
    if (performative === PERFORMATIVE.flow) return numberOr(fields[4], undefined);
    return performative === PERFORMATIVE.transfer || performative === PERFORMATIVE.detach
      ? numberOr(fields[0], undefined)
      : undefined;
  }

  private onTransfer(frame: Frame): void {
    const handle = numberOr(frame.fields[0], -1);
    const link = this.links.get(handle);
    if (link?.direction === 'incoming') link.onTransfer(frame);
    // Without a link the client sent before it saw our detach; its library waits for no answer then, or until it times out.
  }

  private onFlow({ fields }: Frame): void {
    const [nextIncoming, incomingWindow, , , handle, deliveryCount, credit, , drain, echo] = fields;
    // Before the client has seen our `begin` it cannot name the id it expects; ours start at 0.
    const outstanding = (this.nextOutgoing - numberOr(nextIncoming, 0)) >>> 0;
    this.remoteWindow = Math.max(0, numberOr(incomingWindow, 0) - outstanding);
    this.resume();
    const number = numberOr(handle, undefined);
    if (number === undefined) {
      if (echo === true) this.sendFlow();
      return;
    }
    const link = this.links.get(number);
    if (link?.direction === 'outgoing')
      link.onFlow(numberOr(deliveryCount, undefined), numberOr(credit, 0), drain === true, echo === true);
  }

  private onDisposition({ fields, fieldBytes }: Frame): void {
    const [role, first, last, settledByClient, state] = fields;
    if (role !== true) return;
    const from = numberOr(first, 0);
    const to = numberOr(last, from);
    const described = state instanceof Described ? state : undefined;
    const descriptor = numberOr(described?.descriptor, STATE.accepted);
    let run: { first: number; last: number } | undefined;
    const flushRun = (): void => {
      if (run !== undefined) this.acknowledge(run.first, run.last, acceptedBytes);
      run = undefined;
    };
    for (let id = from; id <= to; id++) {
      const delivery = this.unsettled.get(id);
      if (delivery === undefined) continue;
      if (descriptor === STATE.received) continue;
      this.unsettled.delete(id);
      const error = delivery.link.source.settle(delivery.tag, { descriptor, bytes: fieldBytes[4] });
      if (settledByClient === true) continue;
      if (error !== undefined) {
        flushRun();
        this.acknowledge(id, id, this.rejected(error));
      } else if (run !== undefined && run.last + 1 === id) run.last = id;
      else {
        flushRun();
        run = { first: id, last: id };
      }
    }
    flushRun();
  }

  private acknowledge(first: number, last: number, state: Encodable): void {
    this.connection.send(this.channel, PERFORMATIVE.disposition, [false, uint(first), uint(last), true, state]);
  }

  private rejected(error: ServiceBusError): Encodable {
    return rejected(error.seenAt(this.connection.hostname));
  }

  private onAttach(frame: Frame): void {
    const number = numberOr(frame.fields[1], 0);
    const abort = new AbortController();
    const request = readAttach(frame, this, abort.signal);
    const opening: Opening = { abort, frames: [] };
    const finish = (outcome: LinkEnd | ServiceBusError): void => {
      if (this.opening.get(number) !== opening) {
        if (!(outcome instanceof ServiceBusError)) this.discard(request, outcome);
        return;
      }
      this.opening.delete(number);
      if (outcome instanceof ServiceBusError) this.refuse(frame, number, outcome);
      else this.grant(frame, number, request, outcome);
      for (const held of opening.frames) this.onFrame(held);
    };
    this.opening.set(number, opening);
    let outcome: LinkEnd | Promise<LinkEnd>;
    try {
      outcome = this.host.attach(request);
    } catch (error) {
      finish(asServiceBusError(error));
      return;
    }
    if (outcome instanceof Promise) outcome.then(finish, (error) => finish(asServiceBusError(error)));
    else finish(outcome);
  }

  private grant(frame: Frame, handle: number, request: AttachRequest, end: LinkEnd): void {
    if (end.kind === 'receiver') {
      const link = new OutgoingLink(this, handle, request, end.source);
      this.links.set(handle, link);
      this.connection.send(this.channel, PERFORMATIVE.attach, receiverGranted(frame, end.session));
      end.source.opened(link);
      return;
    }
    const link = new IncomingLink(this, handle, request, end.sink, end.maxMessageSize);
    this.links.set(handle, link);
    this.connection.send(this.channel, PERFORMATIVE.attach, senderGranted(frame, end.maxMessageSize));
    link.opened();
  }

  /** The link was granted to a client that has gone away. */
  private discard(request: AttachRequest, end: LinkEnd): void {
    if (end.kind === 'receiver') end.source.closed(new OutgoingLink(this, -1, request, end.source));
    else end.sink.closed?.();
  }

  private refuse(frame: Frame, handle: number, error: ServiceBusError): void {
    this.connection.send(this.channel, PERFORMATIVE.attach, refused(frame));
    this.sendDetach(handle, error);
  }

  private sendDetach(handle: number, error?: ServiceBusError): void {
    const fields: Encodable[] = [uint(handle), true];
    if (error !== undefined) fields.push(encodeError(error.seenAt(this.connection.hostname)));
    this.connection.send(this.channel, PERFORMATIVE.detach, fields);
  }

  private onDetach({ fields }: Frame): void {
    const handle = numberOr(fields[0], -1);
    const link = this.links.get(handle);
    // Without a link this is the client's answer to a detach of ours.
    if (link === undefined) return;
    this.links.delete(handle);
    this.forget(link);
    this.connection.send(this.channel, PERFORMATIVE.detach, [uint(handle), fields[1] === true]);
    link.dispose();
  }

  private forget(link: IncomingLink | OutgoingLink): void {
    for (const [id, delivery] of this.unsettled) if (delivery.link === link) this.unsettled.delete(id);
  }
}
