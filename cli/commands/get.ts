// `polycell get`: reads a path of the API as a tenant.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, EXIT, required, UsageError } from '../command.ts';
import { connect } from '../edge/connection.ts';
import { whoAnswered } from '../edge/edge-client.ts';

/** How long `--wait` retries, and the pause in between, in milliseconds. */
const WAIT_MS = 15_000;
const ASK_AGAIN_MS = 200;

export const get: Command = {
  summary: 'read from the API, such as /v1/devices',
  usage: 'PATH --tenant T [--cell C] [--wait]',
  example: 'npx polycell get "/v1/devices/device-1/rollups?window=1m" --tenant acme',
  asks: 'edge',
  options: {
    tenant: { type: 'string' },
    cell: { type: 'string' },
    wait: { type: 'boolean' },
  },
  positionals: 1,
  describe: {
    '--tenant T': 'the tenant to read as',
    '--cell C': 'ask this cell directly; through the edge if not given',
    '--wait': `ask again for up to ${WAIT_MS / 1000} s while nothing is there: events are worked on after they are accepted`,
  },
  async run({ positionals, options, json, out, err }) {
    const path = positionals[0];
    if (path === undefined || !path.startsWith('/'))
      throw new UsageError('Give the path to read, such as /v1/devices.');
    const tenant = required(options, 'tenant');
    const connection = await connect(options);
    const target = await connection.target(tenant, options.cell as string | undefined);
    const end = performance.now() + (options.wait === true ? WAIT_MS : 0);
    let response: Response;
    let text: string;
    for (;;) {
      response = await target.call('read,operate', path);
      text = await response.text();
      if (!mayStillCome(response.status, text) || performance.now() > end) break;
      await sleep(ASK_AGAIN_MS);
    }
    if (!response.ok) {
      err(`${whoAnswered(response)} answered ${response.status}: ${json ? text : problemText(text)}`);
      return response.status < 500 ? EXIT.refused : EXIT.failed;
    }
    out(json ? text : JSON.stringify(JSON.parse(text), null, 2));
    return 0;
  },
};

/** Whether the answer may change soon: the item does not exist yet, or the list is empty. An unknown path stays unknown. */
export const mayStillCome = (status: number, text: string): boolean =>
  (status === 404 && readProblem(text).code !== 'not_found') ||
  (status === 200 && (JSON.parse(text) as { items?: unknown[] }).items?.length === 0);

/** The detail and code of a problem; any other text as it is. */
export function problemText(text: string): string {
  const { detail, code } = readProblem(text);
  return detail === undefined ? text : `${detail.replace(/\.$/, '')} (${code ?? 'no code'}).`;
}

function readProblem(text: string): { readonly detail?: string; readonly code?: string } {
  try {
    return JSON.parse(text) as { detail?: string; code?: string };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return {};
  }
}
