// `npm run conformance`: which promises are seen to hold at a deployed cell, and at servers that are not our own emulators.
import { parseArgs } from 'node:util';
import { UserError } from '../../cli/command.ts';
import { connect } from '../../cli/edge/connection.ts';
import { readEndpoints } from '../../local/endpoints.ts';
import { conformCell } from './cell.ts';
import { type Finding, reportText } from './findings.ts';
import { conformServices, serversFault } from './services.ts';

const HELP = `Usage: npm run conformance -- [--cell NAME [--edge URL | --profile NAME | --stack URL]] [--json]

Tries what the tests try against our own emulators elsewhere, and reports each promise as held (+), exempt (~: the service cannot keep it,
and what holds in its place was seen), broken (!) or not run (-). Ends with 1 if one is broken.

  --cell NAME     a running cell, through its edge: proof of identity, the main job, and the HTTP torture list. Its tenants are called
                  conformance-…, have no standby, and are removed from the directory; their events stay in the cell's log
  --edge, --profile, --stack
                  which edge, as for npx polycell; an operator's token needs control.read, control.write, tenants.ingest, tenants.read
                  and tenants.operate
  --json          one finding a line on standard output

Without --cell, or besides, the contract suites run against the servers that these variables name; tables, queues, topics and databases are
called conformance-… and removed:

  DYNAMODB_ENDPOINT                http://127.0.0.1:8000
  SNS_ENDPOINT and SQS_ENDPOINT    the same server, such as http://127.0.0.1:4566
  COSMOS_ENDPOINT and COSMOS_KEY   http://127.0.0.1:8081
  SERVICE_BUS_CONNECTION           Endpoint=sb://127.0.0.1:5672;…;UseDevelopmentEmulator=true; an emulator on this machine. Where it makes topics
                                   at another port, SERVICE_BUS_ADMINISTRATION is the connection string for that
  BLOB_ENDPOINT                    http://127.0.0.1:10000/devstoreaccount1 (Azurite)
`;

const OPTIONS = {
  cell: { type: 'string' },
  edge: { type: 'string' },
  profile: { type: 'string' },
  stack: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const fail = (message: string, code: number): number => {
    process.stderr.write(`${message}\n`);
    return code;
  };
  let values: { cell?: string; edge?: string; profile?: string; stack?: string; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({ args: [...args], options: OPTIONS }));
  } catch (error) {
    return fail(`${(error as Error).message.split('. ', 1)[0]}; --help lists the options.`, 2);
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const { cell, json = false, edge, profile, stack } = values;
  if (cell === undefined && (edge ?? profile ?? stack) !== undefined)
    return fail('--edge, --profile and --stack are for --cell NAME.', 2);
  const progress = (text: string) => void process.stderr.write(`${text}\n`);
  try {
    const { BLOB_ENDPOINT: blob = '', SERVICE_BUS_ADMINISTRATION: administration = '' } = process.env;
    const more = { ...(blob !== '' && { blob }), ...(administration !== '' && { administration }) };
    const endpoints = { ...readEndpoints(process.env), ...more };
    const fault = serversFault(endpoints);
    if (fault !== undefined) return fail(fault, 2);
    if (cell === undefined && Object.keys(endpoints).length === 0)
      return fail('There is nothing to try: give --cell NAME, or name a server by its variable; --help lists them.', 2);
    const findings: Finding[] = [];
    if (cell !== undefined) findings.push(...(await conformCell(await connect(values), cell, progress)));
    findings.push(...(await conformServices(endpoints, progress)));
    process.stdout.write(
      json ? findings.map((each) => `${JSON.stringify(each)}\n`).join('') : `${reportText(findings)}\n`,
    );
    return findings.some(({ outcome }) => outcome === 'broken') ? 1 : 0;
  } catch (error) {
    if (error instanceof UserError) return fail(error.message, error.exitCode);
    return fail((error as Error).message, 1);
  }
}
