// One request for a token, and its answer within limits of time and size.
import { PortError } from '../../core/ports/errors.ts';

/** A token and its end, as the SDKs take them. */
export interface IdentityToken {
  readonly token: string;
  readonly expiresOnTimestamp: number;
}

/** Limits of an answer; in milliseconds and bytes. */
export const ANSWER_LIMITS = { answerMs: 2000, answerBytes: 64 * 1024 } as const;

/** One request, and its answer as far as it may go. */
export async function request(url: URL, init: RequestInit): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(ANSWER_LIMITS.answerMs);
  try {
    const response = await fetch(url, { ...init, redirect: 'error', signal });
    return { status: response.status, body: await read(response) };
  } catch (cause) {
    if (cause instanceof PortError) throw cause;
    const details = { cause, timedOut: signal.aborted };
    throw new PortError('unavailable', `The identity endpoint does not answer: ${String(cause)}`, details);
  }
}

async function read({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMITS.answerBytes) {
      const message = `The identity endpoint answered with more than ${ANSWER_LIMITS.answerBytes} bytes.`;
      throw new PortError('unavailable', message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
