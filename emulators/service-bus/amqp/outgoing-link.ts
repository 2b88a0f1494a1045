// A link on which the server sends: it counts the client's credit and answers its drain requests.
import type { ServiceBusError } from '../errors.ts';
import type { AttachRequest, Source } from './connection.ts';
import { uint } from './encode.ts';
import type { Session } from './session.ts';

/** The server's end of a client's receiver. */
export class OutgoingLink {
  readonly direction = 'outgoing';
  readonly session: Session;
  readonly handle: number;
  readonly name: string;
  readonly address: string;
  /** Where responses go, if this is the receiving half of a request/response pair. */
  readonly replyAddress: string | undefined;
  /** Deliveries need no settlement (receive-and-delete). */
  readonly settled: boolean;
  readonly source: Source;
  private deliveryCount = 0;
  private credit = 0;
  open = true;

  constructor(session: Session, handle: number, request: AttachRequest, source: Source) {
    this.session = session;
    this.handle = handle;
    this.name = request.name;
    this.address = request.address;
    this.replyAddress = request.replyAddress;
    this.settled = request.settled;
    this.source = source;
  }

  /** Whether a message can be sent now. */
  get ready(): boolean {
    return this.open && this.credit > 0 && this.session.canSend;
  }

  /** Sends a message; `ready` must be true. */
  send(payload: Buffer, tag: Buffer, settled = this.settled): void {
    this.credit--;
    this.deliveryCount = (this.deliveryCount + 1) >>> 0;
    this.session.transfer(this, payload, tag, settled);
  }

  /** The client's view of credit changed. */
  onFlow(deliveryCount: number | undefined, credit: number, drain: boolean, echo: boolean): void {
    const granted = ((deliveryCount ?? 0) + credit - this.deliveryCount) | 0;
    this.credit = Math.max(0, granted);
    if (this.credit > 0) this.source.demand(this);
    if (drain) {
      this.deliveryCount = (this.deliveryCount + this.credit) >>> 0;
      this.credit = 0;
    }
    if (drain || echo)
      this.session.sendFlow([uint(this.handle), uint(this.deliveryCount), uint(this.credit), null, drain]);
  }

  /** Closes the link from this side. */
  close(error?: ServiceBusError): void {
    this.session.detach(this, error);
  }

  /** The link is gone, whichever side closed it. */
  dispose(): void {
    if (!this.open) return;
    this.open = false;
    this.source.closed(this);
  }
}
