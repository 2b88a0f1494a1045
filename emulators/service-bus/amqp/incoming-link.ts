// A link on which a client sends: it grants credit and puts the frames of a message together.
import { messageTooLarge, type ServiceBusError } from '../errors.ts';
import type { AttachRequest, Sink } from './connection.ts';
import { uint } from './encode.ts';
import type { Frame } from './frames.ts';
import type { Session } from './session.ts';
import { numberOr } from './values.ts';

/** Messages a client may send before more credit is granted; the real service grants 1,000. */
const CREDIT = 1_000;
/** What a batch of the largest size may exceed the limit by, for its envelope. */
const ENVELOPE_ALLOWANCE = 16 * 1024;

/** A message of which not all frames have come. */
interface Partial {
  readonly id: number;
  readonly format: number;
  readonly settled: boolean;
  readonly frames: Buffer[];
  size: number;
}

/** The server's end of a client's sender. */
export class IncomingLink {
  readonly direction = 'incoming';
  readonly session: Session;
  readonly handle: number;
  readonly name: string;
  readonly address: string;
  private readonly sink: Sink;
  private readonly maxMessageSize: number;
  private deliveryCount = 0;
  private credit = CREDIT;
  private partial: Partial | undefined;
  private open = true;

  constructor(session: Session, handle: number, request: AttachRequest, sink: Sink, maxMessageSize: number) {
    this.session = session;
    this.handle = handle;
    this.name = request.name;
    this.address = request.address;
    this.sink = sink;
    this.maxMessageSize = maxMessageSize;
  }

  /** The attach was answered. */
  opened(): void {
    this.sendCredit();
    this.sink.opened?.(this);
  }

  onTransfer({ fields, payload }: Frame): void {
    const [, id, , format, settled, more, , , , aborted] = fields;
    this.partial ??= {
      id: numberOr(id, 0),
      format: numberOr(format, 0),
      settled: settled === true,
      frames: [],
      size: 0,
    };
    const partial = this.partial;
    partial.size += payload.length;
    const tooLarge = this.maxMessageSize > 0 && partial.size > this.maxMessageSize + ENVELOPE_ALLOWANCE;
    if (tooLarge) partial.frames.length = 0;
    else partial.frames.push(payload);
    if (more === true) return;
    this.partial = undefined;
    this.count();
    if (aborted === true) return;
    const settle = (error?: ServiceBusError): void => {
      if (this.open && !partial.settled) this.session.settle(partial.id, error);
    };
    if (tooLarge) {
      settle(messageTooLarge(partial.size, this.maxMessageSize, partial.id));
      return;
    }
    const [first] = partial.frames;
    const bytes = partial.frames.length === 1 && first !== undefined ? first : Buffer.concat(partial.frames);
    this.sink.receive(bytes, partial.format, settle);
  }

  /** Closes the link from this side. */
  close(error?: ServiceBusError): void {
    this.session.detach(this, error);
  }

  /** The link is gone, whichever side closed it. */
  dispose(): void {
    if (!this.open) return;
    this.open = false;
    this.sink.closed?.();
  }

  private count(): void {
    this.deliveryCount = (this.deliveryCount + 1) >>> 0;
    this.credit--;
    if (this.credit <= CREDIT / 2) {
      this.credit = CREDIT;
      this.sendCredit();
    }
  }

  private sendCredit(): void {
    this.session.sendFlow([uint(this.handle), uint(this.deliveryCount), uint(this.credit)]);
  }
}
