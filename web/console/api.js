// Asks the edge: the overview every two seconds, and what pages need.

import { SignInError } from './session.js';

/** @typedef {import('../../core/edge/monitor/overview.ts').Overview} Overview */
/** @typedef {import('./session.js').Session} Session */

/** Time between two questions while the page is seen, and while it is hidden, in milliseconds. */
const POLL_MS = { seen: 2000, hidden: 30_000 };

/** A question takes this long at most, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** What the edge or a cell refuses, or that it did not answer. */
export class ApiError extends Error {
  /** @param {string} message @param {string} code @param {number} status 0 without an answer */
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * Asks the control API; resolves with the response, whatever its status.
 * @param {Session} session @param {string} method @param {string} what path behind `/control/v1/`
 * @param {{ body?: object, etag?: string }} [more]
 */
async function ask(session, method, what, { body, etag } = {}) {
  const token = await session.token();
  let response;
  try {
    response = await fetch(`/control/v1/${what}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(etag !== undefined && { 'if-none-match': etag }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError(
      method === 'GET'
        ? 'The edge does not answer.'
        : 'The edge did not answer, so it is not known whether it was done. Look at the audit page before you repeat it.',
      'no_answer',
      0,
    );
  }
  if (response.status !== 401) return response;
  session.end();
  throw new SignInError('The edge no longer takes your sign-in.');
}

/** @param {Response} response */
async function refusalOf(response) {
  const problem = await response.json().catch(() => ({}));
  const faults = (problem.errors ?? []).map((/** @type {{ detail: string }} */ { detail }) => detail);
  const text = [problem.detail ?? `The edge answered ${response.status}.`, ...faults].join(' ');
  return new ApiError(text, problem.code ?? String(response.status), response.status);
}

/**
 * Asks the control API; resolves with the body.
 * @param {Session} session @param {string} method @param {string} what @param {object} [body]
 * @returns {Promise<any>}
 * @throws ApiError, SignInError
 */
export async function control(session, method, what, body) {
  const response = await ask(session, method, what, body === undefined ? {} : { body });
  if (!response.ok) throw await refusalOf(response);
  return response.status === 204 ? undefined : response.json();
}

/**
 * Keeps the overview up to date. The last one stays when there is no answer.
 * @param {Session} session
 * @param {() => void} changed called after every answer, and after every failure
 */
export function watchOverview(session, changed) {
  /** @type {{ overview: Overview | undefined, trouble: Error | undefined, age: () => number, now: () => Promise<void>, stop: () => void }} */
  const watch = { overview: undefined, trouble: undefined, age: () => Number.POSITIVE_INFINITY, now: poll, stop };
  /** @type {string | undefined} */
  let etag;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let isStopped = false;
  let isAsking = false;

  async function poll() {
    clearTimeout(timer);
    if (isStopped || isAsking) return;
    isAsking = true;
    try {
      const response = await ask(session, 'GET', 'overview', etag === undefined ? {} : { etag });
      if (response.status !== 304 && !response.ok) throw await refusalOf(response);
      if (response.status === 200) {
        watch.overview = await response.json();
        etag = response.headers.get('etag') ?? undefined;
      }
      const ageMs = Number(response.headers.get('x-polycell-age-ms') ?? 0);
      const receivedAt = performance.now();
      watch.age = () => ageMs + performance.now() - receivedAt;
      watch.trouble = undefined;
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof SignInError)) throw error;
      watch.trouble = error;
    } finally {
      isAsking = false;
      if (!isStopped) timer = setTimeout(poll, document.hidden ? POLL_MS.hidden : POLL_MS.seen);
    }
    changed();
  }

  function stop() {
    isStopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', poll);
  }

  document.addEventListener('visibilitychange', poll);
  void poll();
  return watch;
}
