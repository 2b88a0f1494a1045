// The faults that tests can ask for; without any, nothing here has an effect.
import { CONDITION, type Condition, ServiceBusError } from '../errors.ts';

/** Which faults are in force, as shown by the control interface. */
export interface FaultState {
  readonly latencyMs: number;
  readonly throttledRequests: number;
  readonly rejectedSends: number;
}

/** Faults in force. Counted ones use themselves up. */
export class Faults {
  /** Every send and every `$management` request waits this long, in real time. */
  latencyMs = 0;
  private throttled = 0;
  private unanswered = 0;
  private refused: { readonly text: Buffer; readonly error: ServiceBusError } | undefined;
  private rejections:
    | { remaining: number; readonly error: ServiceBusError; readonly entity: string | undefined }
    | undefined;

  /** The next `count` sends and `$management` requests are answered with server-busy. */
  throttle(count: number): void {
    this.throttled = count;
  }

  /** The next `count` sends, to one entity or to any, are refused. */
  rejectSends(count: number, condition: Condition | (string & {}) = CONDITION.internalError, entity?: string): void {
    const error = new ServiceBusError(condition, `The send was refused on demand (${condition}).`);
    this.rejections = { remaining: count, error, entity: entity?.toLowerCase() };
  }

  /** Sends of anything that holds this text are refused. */
  rejectSendsWith(text: string, condition: Condition | (string & {}) = CONDITION.argumentError): void {
    const error = new ServiceBusError(condition, `The send was refused on demand (${condition}).`);
    this.refused = { text: Buffer.from(text), error };
  }

  /** The next `count` sends are carried out and never answered; clients wait until their time is over. */
  loseAnswers(count: number): void {
    this.unanswered = count;
  }

  clear(): void {
    this.latencyMs = 0;
    this.unanswered = 0;
    this.refused = undefined;
    this.throttled = 0;
    this.rejections = undefined;
  }

  get state(): FaultState {
    return {
      latencyMs: this.latencyMs,
      throttledRequests: this.throttled,
      rejectedSends: this.rejections?.remaining ?? 0,
    };
  }

  /** The refusal that a request meets, if any. */
  onRequest(): ServiceBusError | undefined {
    if (this.throttled <= 0) return undefined;
    this.throttled--;
    return new ServiceBusError(
      CONDITION.serverBusy,
      'The request was terminated because the namespace is being throttled. Please wait 10 seconds and try again.',
    );
  }

  /** The refusal that a send meets, if any. */
  onSend(entity: string, payload: Buffer): ServiceBusError | undefined {
    const busy = this.onRequest();
    if (busy !== undefined) return busy;
    const { rejections, refused } = this;
    if (refused !== undefined && payload.includes(refused.text)) return refused.error;
    if (rejections === undefined || rejections.remaining <= 0) return undefined;
    if (rejections.entity !== undefined && rejections.entity !== entity.toLowerCase()) return undefined;
    rejections.remaining--;
    return rejections.error;
  }

  /** Whether the answer to a send that was carried out gets lost. */
  losesAnswer(): boolean {
    if (this.unanswered <= 0) return false;
    this.unanswered--;
    return true;
  }

  /** Runs something now, or after the latency that is asked for. */
  delay(run: () => void): void {
    if (this.latencyMs > 0) setTimeout(run, this.latencyMs);
    else run();
  }
}
