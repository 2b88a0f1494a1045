// The delivery source port: a consumer's queue that its reader pulls, in place of a platform that pushes batches.
import type { DeliveredMessage, UnreadableMessage } from './bus.ts';

/** A message as it was received; no other reader gets it until its visibility timeout or lock ends. */
export interface Received {
  readonly message: DeliveredMessage | UnreadableMessage;
  /** Of the message as the service counts it. */
  readonly bytes: number;
  /** What the source needs to finish with it. */
  readonly receipt: unknown;
}

/** One queue. Its methods reject with a `PortError`. */
export interface DeliverySource {
  /**
   * At most `most` messages: those that are there at once, or, if there are none, those that come within `waitMs`. Resolves with none when
   * `signal` aborts; a message that arrives at that very moment comes again after its timeout.
   */
  receive(most: number, waitMs: number, signal: AbortSignal): Promise<readonly Received[]>;

  /** Finishes with messages, so that they do not come again. One whose timeout has ended meanwhile comes again, which is no error. */
  finish(messages: readonly Received[]): Promise<void>;

  /** Lets go of connections; what was received and not finished with comes again after its timeout. */
  close(): Promise<void>;
}
