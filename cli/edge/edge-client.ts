// Requests to an edge, as an operator or as a tenant, and what their failures mean for the command.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlAnswers } from '../../core/edge/control/control-answers.ts';
import { RefusedError, UnknownOutcomeError, UsageError, UserError } from '../command.ts';
import { claimsOf } from './token-claims.ts';

/** A request takes this long at most, in milliseconds. */
const REQUEST_TIMEOUT_MS = 60_000;

/** A tenant that the directory knows and the edge does not yet is asked for again this often, and so much later, in milliseconds. */
const UNKNOWN_TRIES = 10;
const UNKNOWN_PAUSE_MS = 500;

/** Where a tenant's requests go. */
export interface Target {
  /** For messages. */
  readonly name: string;
  /** Sends a request as the tenant. Rejects with a `UserError` if there is no answer, or one that refuses the credential. */
  call(scope: string, path: string, init?: RequestInit): Promise<Response>;
}

/** Asks the control plane. Rejects with a `UserError` that says why it refuses. */
export interface Control {
  <What extends keyof ControlAnswers & string>(method: 'GET', what: What): Promise<ControlAnswers[What]>;
  (method: 'GET' | 'PUT' | 'POST' | 'DELETE', what: string, body?: object): Promise<unknown>;
}

/** A token for a request; it must not be kept. */
export type Token = () => Promise<string>;

/** The control plane of the edge at an address, with an operator's token. */
export function controlOf(edge: string, token: Token): Control {
  const ask = async (method: string, what: string, body?: object): Promise<unknown> => {
    const bearer = await token();
    const response = await reach(`The edge at ${edge}`, `${edge}/control/v1/${what}`, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer = await problemOf(response, edge, method);
    if (response.ok) return answer;
    const { tenant } = claimsOf(bearer) ?? {};
    const whose = response.status === 401 && tenant !== undefined;
    const message = `${tellProblem(answer, response.status)}${whose ? ` The token is that of the tenant ${JSON.stringify(tenant)}; this takes an operator’s.` : ''}`;
    // What the edge finds wrong with a value is wrong with an argument.
    if (answer.code === 'invalid_body') throw new UsageError(message);
    if (response.status < 500) throw new RefusedError(message, answer.code ?? String(response.status));
    if (method === 'GET' || answer.code === 'directory_unavailable' || answer.code === 'issuer_unavailable')
      throw new UserError(message);
    throw new UnknownOutcomeError(`${message} ${UNKNOWN_ADVICE}`);
  };
  return ask as Control;
}

const UNKNOWN_ADVICE = 'It is not known whether it was done; look before you repeat what must not happen twice.';

/** The body of an answer of the control plane. */
async function problemOf(response: Response, edge: string, method: string): Promise<ControlProblem> {
  let fault: string;
  try {
    if (response.headers.get('x-polycell-cell') === 'edge') return (await response.json()) as ControlProblem;
    await response.body?.cancel();
    fault = `${edge} answered ${response.status}, and not as an edge of Polycell does.`;
    if (response.status < 500) throw new UserError(fault);
  } catch (error) {
    if (error instanceof UserError) throw error;
    fault = `The answer of the edge at ${edge} broke off: ${causeOf(error)}.`;
  }
  throw method === 'GET' ? new UserError(fault) : new UnknownOutcomeError(`${fault} ${UNKNOWN_ADVICE}`);
}

export interface TenantAccess {
  readonly tenant: string;
  readonly edge: string;
  /** A token with these scopes, separated by commas. */
  readonly token: (scope: string) => Promise<string>;
  /** To find out whether the directory knows the tenant. */
  readonly control: () => Promise<Control>;
}

/** A tenant's requests through the edge: with a token of the tenant, or with an operator's on its behalf. */
export const tenantTarget = ({ tenant, edge, token, control }: TenantAccess): Target => ({
  name: 'the edge',
  call: async (scope, path, init = {}) => {
    const bearer = await token(scope);
    const request = { ...init, headers: { ...headersOf(init), authorization: `Bearer ${bearer}` } };
    const url = edge + pathFor(tenant, bearer, path);
    for (let attempt = 1; ; attempt += 1) {
      const response = await reach(`The edge at ${edge}`, url, request);
      if (response.status === 401 || response.status === 403) throw await refusal(response);
      if (response.status !== 404) return response;
      const text = await response.text();
      if (!text.includes('"unknown_tenant"')) return new Response(text, response);
      // The edge remembers for a moment that a tenant is missing; one that has just been added is retried.
      if (attempt === UNKNOWN_TRIES || !(await isKnown(tenant, await control())))
        throw new RefusedError(
          `Tenant "${tenant}" is not known; add it with npx polycell tenants add ${tenant}`,
          'unknown_tenant',
        );
      await sleep(UNKNOWN_PAUSE_MS);
    }
  },
});

/** A tenant's own token may not ask the directory. */
const isKnown = (tenant: string, control: Control): Promise<boolean> =>
  control('GET', `tenants/${tenant}`).then(
    () => true,
    (error: unknown) => {
      if (error instanceof UserError) return false;
      throw error;
    },
  );

/** An operator's token names no tenant: the path does. */
function pathFor(tenant: string, token: string, path: string): string {
  const named = claimsOf(token)?.tenant;
  if (named === undefined) return `/control/v1/tenants/${tenant}/api${path}`;
  if (named !== tenant)
    throw new UsageError(`The token is for the tenant ${JSON.stringify(named)}, not for ${tenant}.`);
  return path;
}

async function refusal(response: Response): Promise<RefusedError> {
  const text = await response.text();
  let problem: ControlProblem = {};
  try {
    problem = JSON.parse(text) as ControlProblem;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const { detail = 'no reason given', code } = problem;
  return new RefusedError(
    `${whoAnswered(response)} answered ${response.status}: ${detail}`,
    code ?? String(response.status),
  );
}

interface ControlProblem {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** A refusal in one sentence, with the code to look it up by. */
function tellProblem({ code, detail, errors = [] }: ControlProblem, status: number): string {
  const faults = errors
    .map((fault) => `${fault.pointer?.slice(1) ?? ''}: ${fault.detail.replace(/\.$/, '')}`)
    .join('; ');
  const text = faults === '' ? (detail ?? `The edge answered ${status}.`).replace(/\.$/, '') : faults;
  return `${text} (${code ?? status}).`;
}

export const headersOf = (init: RequestInit) => init.headers as Record<string, string> | undefined;

/** Failures before anything was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Sends a request. A redirect is not followed: the credential is for this server alone. */
export async function reach(server: string, url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  } catch (error) {
    const cause = causeOf(error);
    const message = `${server} does not answer: ${cause}.`;
    const changes = init.method !== undefined && init.method !== 'GET';
    throw changes && !NOT_SENT.has(cause)
      ? new UnknownOutcomeError(`${message} ${UNKNOWN_ADVICE}`)
      : new UserError(message);
  }
}

/** What a failed `fetch` was really about. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error ? ((error.cause as Error | undefined) ?? error) : error;
  // Its code is a meaningless number.
  if (cause instanceof DOMException && cause.name === 'TimeoutError') return 'no answer in time';
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : cause.message;
}

/** Whose answer it is: the edge passes on those of cells as they are. */
export const whoAnswered = (response: Response): string =>
  response.headers.get('x-polycell-cell') === 'edge' ? 'The edge' : 'The cell';
