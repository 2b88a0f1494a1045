// Maps errors of the Workers platform to port errors: Durable Objects set flags, Workers KV puts a status into the text.
import { type ErrorCode, PortError } from '../../core/ports/errors.ts';

/** https://developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
interface ObjectFault {
  /** The object was overloaded and did not process the request. */
  readonly overloaded?: boolean;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Maps an error of a call to a Durable Object. Only an overloaded object is known not to have started; a change that failed in any
 * other way may have been applied. For reads there is no unknown outcome.
 */
export function toObjectError(error: unknown, isChange: boolean): PortError {
  if (error instanceof PortError) return error;
  const { overloaded = false } = (error ?? {}) as ObjectFault;
  const code: ErrorCode = isChange && !overloaded ? 'unknown-outcome' : 'unavailable';
  return new PortError(code, messageOf(error), { cause: error });
}

/** KV throws plain errors such as `KV PUT failed: 429 Too Many Requests`; the status is available nowhere else. */
const KV_STATUS = /^KV \w+ failed: (\d{3})/;

/** https://developers.cloudflare.com/kv/api/write-key-value-pairs/ */
const KV_CODES: Readonly<Record<string, ErrorCode>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  413: 'too-large',
  414: 'invalid',
  429: 'throttled',
};

/** Maps an error of Workers KV. Without a status, the service was not reached; its writes can be repeated in any case. */
export function toKvError(error: unknown): PortError {
  if (error instanceof PortError) return error;
  const status = KV_STATUS.exec(messageOf(error))?.[1] ?? '';
  return new PortError(KV_CODES[status] ?? 'unavailable', messageOf(error), { cause: error });
}
