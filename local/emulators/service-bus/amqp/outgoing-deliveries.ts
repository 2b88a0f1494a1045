// What the server has sent in one session and the client has not settled yet.
import { type Encodable, uint } from './encode.ts';
import { acceptedBytes, type Frame, rejected, STATE } from './frames.ts';
import type { IncomingLink } from './incoming-link.ts';
import type { OutgoingLink } from './outgoing-link.ts';
import { Described, numberOr } from './values.ts';

interface Unsettled {
  readonly link: OutgoingLink;
  readonly tag: Buffer;
}

/** Numbers deliveries and carries out the client's dispositions; `acknowledge` sends one back. */
export class OutgoingDeliveries {
  private readonly unsettled = new Map<number, Unsettled>();
  private readonly acknowledge: (disposition: readonly Encodable[]) => void;
  private nextId = 0;

  constructor(acknowledge: (disposition: readonly Encodable[]) => void) {
    this.acknowledge = acknowledge;
  }

  /** The id of a new delivery, which is kept until it is settled. */
  add(link: OutgoingLink, tag: Buffer, settled: boolean): number {
    const id = this.nextId;
    this.nextId = (id + 1) >>> 0;
    if (!settled) this.unsettled.set(id, { link, tag });
    return id;
  }

  /** The client settled deliveries, or wants them settled; answers to neighbours with one outcome share a frame. */
  onDisposition({ fields, fieldBytes }: Frame): void {
    const [role, first, last, settledByClient, state] = fields;
    if (role !== true) return;
    const from = numberOr(first, 0);
    const to = numberOr(last, from);
    const described = state instanceof Described ? state : undefined;
    const descriptor = numberOr(described?.descriptor, STATE.accepted);
    let run: { first: number; last: number } | undefined;
    const flushRun = (): void => {
      if (run !== undefined) this.answer(run.first, run.last, acceptedBytes);
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
        this.answer(id, id, rejected(error));
      } else if (run !== undefined && run.last + 1 === id) run.last = id;
      else {
        flushRun();
        run = { first: id, last: id };
      }
    }
    flushRun();
  }

  /** A link is gone, and nobody can settle its deliveries any more. */
  forget(link: IncomingLink | OutgoingLink): void {
    for (const [id, delivery] of this.unsettled) if (delivery.link === link) this.unsettled.delete(id);
  }

  clear(): void {
    this.unsettled.clear();
  }

  private answer(first: number, last: number, state: Encodable): void {
    this.acknowledge([false, uint(first), uint(last), true, state]);
  }
}
