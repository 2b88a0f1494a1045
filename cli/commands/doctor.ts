// `polycell doctor`: checks the way to an edge, the token, the edge itself and its cells, and says what to do.
import { readFile } from 'node:fs/promises';
import { sourceFile } from '../../local/source-file.ts';
import { type Command, EXIT, UserError } from '../command.ts';
import { type Connection, connect } from '../edge/connection.ts';
import { type Finding, newToken, ofCell, ofClock, ofEdge, ofMonitor, ofToken, ofVersion } from '../edge/diagnosis.ts';
import { reach } from '../edge/edge-client.ts';
import { healthOfEdge } from '../edge/edge-health.ts';
import { claimsOf } from '../edge/token-claims.ts';

export const doctor: Command = {
  summary: 'check the way to an edge, the token, the edge and its cells, and say what to do',
  usage: '[--edge URL | --profile NAME | --stack URL]',
  example: 'npx polycell doctor --profile prod',
  asks: 'edge',
  options: {},
  describe: {},
  async run({ options, json, out }) {
    const connection = await connect(options);
    let failed = false;
    const tell = (finding: Finding) => {
      failed ||= finding.status === 'fail';
      out(json ? JSON.stringify(finding) : describe(finding));
    };
    await examine(connection, tell);
    return failed ? EXIT.failed : EXIT.done;
  },
};

function describe({ check, status, detail, remedy }: Finding): string {
  const line = `${status.padEnd(4)}  ${check}: ${detail}`;
  return (remedy === undefined ? line : `${line}\n      ${remedy}`).replace(/[^\P{Cc}\n]/gu, '\ufffd');
}

/** A failure to ask is a finding; what depends on it is not asked. */
async function asked<T>(
  check: string,
  remedy: string,
  tell: (finding: Finding) => void,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    tell({ check, status: 'fail', detail: error.message.replace(/\.$/, ''), remedy });
    return undefined;
  }
}

async function examine(connection: Connection, tell: (finding: Finding) => void): Promise<void> {
  const { deployed, stack } = connection;
  const edge = deployed?.edge ?? (await stack?.info())?.edge?.url;
  if (edge === undefined) {
    tell({ check: 'edge', status: 'fail', detail: 'this stack has none', remedy: 'See what `npm start` says of it.' });
    return;
  }
  const health = await asked('edge', 'Check address, network and certificate.', tell, () => healthOfEdge(edge));
  if (health !== undefined) {
    const { version } = JSON.parse(await readFile(sourceFile('package.json'), 'utf8')) as { version: string };
    for (const finding of [ofEdge(health, edge), ofClock(health), ofVersion(health, version)]) tell(finding);
  }
  if (deployed !== undefined) {
    const token = await asked('token', newToken(deployed.profile), tell, deployed.token);
    if (token === undefined) return;
    const claims = claimsOf(token);
    const verdict = health === undefined ? undefined : await verdictOf(edge, token, claims?.tenant !== undefined, tell);
    if (verdict === undefined) return;
    const findings = ofToken(claims, verdict, Date.now(), deployed.profile);
    for (const finding of findings) tell(finding);
    if (verdict.status !== 200 || claims?.tenant !== undefined) return;
  } else if (health === undefined) return;
  await examineCells(connection, tell);
}

/** How the edge answers to the token. */
const verdictOf = (edge: string, token: string, isTenants: boolean, tell: (finding: Finding) => void) =>
  asked('access', 'Check the network.', tell, async () => {
    const path = isTenants ? '/v1/parked?limit=1' : '/control/v1/cells';
    const response = await reach(`The edge at ${edge}`, edge + path, { headers: { authorization: `Bearer ${token}` } });
    const text = await response.text();
    return { status: response.status, detail: detailOf(text) };
  });

function detailOf(text: string): string {
  try {
    return String((JSON.parse(text) as { detail?: unknown } | null)?.detail ?? 'no reason given').replace(/\.$/, '');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return 'no reason given';
  }
}

async function examineCells(connection: Connection, tell: (finding: Finding) => void): Promise<void> {
  const control = await connection.control();
  const directory = await asked('directory', 'The edge cannot reach its directory; see its log.', tell, async () => {
    const { items } = await control('GET', 'cells');
    return items.filter(({ state }) => state !== 'retired');
  });
  const monitor = await asked(
    'monitor',
    'Requests are served without it, and no cell is failed over.',
    tell,
    async () => {
      return await control('GET', 'monitor');
    },
  );
  if (monitor !== undefined) for (const finding of ofMonitor(monitor)) tell(finding);
  if (directory === undefined || monitor === undefined) return;
  if (directory.length === 0)
    tell({ check: 'directory', status: 'warn', detail: 'it has no cells', remedy: 'npx polycell cells add CELL' });
  for (const cell of directory) for (const finding of ofCell(cell, monitor)) tell(finding);
}
