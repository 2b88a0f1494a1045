// The health of an edge, asked without a credential: before one is sent there, and to compare clocks.
import { UserError } from '../command.ts';
import { reach } from './edge-client.ts';

export interface EdgeHealth {
  readonly status: string;
  readonly version: string;
  /** How long the answer took, in milliseconds. */
  readonly tookMs: number;
  /** How far the edge's clock is ahead of ours, in milliseconds, to about a second; `null` if the answer has no date. */
  readonly aheadMs: number | null;
}

/** The precision of a `Date` header, in milliseconds; the time it was taken at lies anywhere within. */
const DATE_STEP_MS = 1000;

/** @throws UserError if nothing answers there, or something else than an edge */
export async function healthOfEdge(edge: string, now: () => number = Date.now): Promise<EdgeHealth> {
  const asked = now();
  const response = await reach(`The edge at ${edge}`, `${edge}/v1/health`, {});
  const answered = now();
  const date = Date.parse(response.headers.get('date') ?? '');
  const text = await response.text();
  let body: { readonly status?: unknown; readonly version?: unknown } = {};
  try {
    if (response.ok && response.headers.get('x-polycell-cell') === 'edge') body = JSON.parse(text) as typeof body;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (typeof body.status !== 'string')
    throw new UserError(`${edge} answered ${response.status}, and not as an edge of Polycell does.`);
  const middle = (asked + answered) / 2;
  return {
    status: body.status,
    version: String(body.version),
    tookMs: answered - asked,
    aheadMs: Number.isNaN(date) ? null : Math.round(date + DATE_STEP_MS / 2 - middle),
  };
}
