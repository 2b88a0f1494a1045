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

  clear(): void {
    this.latencyMs = 0;
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
  onSend(entity: string): ServiceBusError | undefined {
    const busy = this.onRequest();
    if (busy !== undefined) return busy;
    const { rejections } = this;
    if (rejections === undefined || rejections.remaining <= 0) return undefined;
    if (rejections.entity !== undefined && rejections.entity !== entity.toLowerCase()) return undefined;
    rejections.remaining--;
    return rejections.error;
  }

  /** Runs something now, or after the latency that is asked for. */
  delay(run: () => void): void {
    if (this.latencyMs > 0) setTimeout(run, this.latencyMs);
    else run();
  }
}
