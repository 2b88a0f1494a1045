// A single request with a timeout: resolves with an answer or a failure.
import type { Clock } from '../ports/clock.ts';

/** Sends a request: the platform's `fetch`, or a cell in memory. */
export type Fetch = (request: Request) => Promise<Response>;

export interface TimedFetchDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** Maximum bytes read of an answer; a cell's health has about 100. */
const ANSWER_BYTES = 16 * 1024;

export type Answer =
  | { readonly status: number; readonly body: unknown }
  /** `timedOut`: there was no answer in time, or the caller aborted. */
  | { readonly status: null; readonly problem: string; readonly timedOut: boolean };

/**
 * Sends a request and reads the JSON of its answer within a timeout, then closes the connection. Never rejects. Redirects are not
 * followed: whatever redirects the caller is not the cell.
 */
export async function timedFetch(
  { fetch, clock }: TimedFetchDeps,
  url: string,
  init: {
    readonly method?: 'GET' | 'POST';
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array<ArrayBuffer>;
  },
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Answer> {
  const controller = new AbortController();
  const given = (problem: string): Answer => ({ status: null, problem, timedOut: true });
  const ask = async (): Promise<Answer> => {
    try {
      const response = await fetch(new Request(url, { ...init, redirect: 'manual', signal: controller.signal }));
      return { status: response.status, body: parse(await readText(response)) };
    } catch (error) {
      return { status: null, problem: problemOf(error), timedOut: false };
    }
  };
  const over = clock.sleep(timeoutMs).then(() => given(`no answer in ${timeoutMs} ms`));
  const abandoned = new Promise<Answer>((resolve) => {
    signal?.addEventListener('abort', () => resolve(given('it was given up')), { once: true });
  });
  try {
    return await Promise.race([ask(), over, abandoned]);
  } finally {
    controller.abort();
  }
}

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return text;
    bytes += value.length;
    if (bytes > ANSWER_BYTES) {
      await reader.cancel();
      return '';
    }
    text += decoder.decode(value, { stream: true });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Without the full stop that some runtimes end it with: it goes into sentences. */
function problemOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause as { readonly code?: unknown; readonly message?: unknown } | undefined;
  const text = String(cause?.code ?? cause?.message ?? error.message).replace(/\.$/, '');
  // The Workers runtime gives no other reason for a server that it cannot connect to.
  return text.startsWith('internal error') ? `it cannot be reached (${text})` : text;
}
