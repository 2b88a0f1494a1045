// `npm run parity`: plays one recorded day against a cell of each cloud and reports where their answers differ.
import { parseArgs } from 'node:util';
import { buildBundles } from '../../build/bundles.mjs';
import { reportText } from './report.ts';
import { playDay } from './run.ts';
import { tortureSteps } from './torture.ts';

const HELP = `Usage: npm run parity [-- --torture] [--json]

Plays one recorded day against an AWS and an Azure cell on emulators and compares every answer and the final state.
The allowed differences are in test/parity/allowed.json. Ends with 1 on any other difference, and on an entry there that no
longer occurs.

  --torture  only the HTTP torture list of test/parity/torture.ts, which waits for no consumer; allowed differences may be unused then
  --json     the result as JSON on standard output
`;

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // The clients inside a function read their keys from here; the SDK's word on old versions of Node.js is known.
  process.env.AWS_ACCESS_KEY_ID ??= 'parity';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'parity';
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  let values: { json?: boolean; torture?: boolean; help?: boolean };
  try {
    const options = { json: { type: 'boolean' }, torture: { type: 'boolean' }, help: { type: 'boolean' } } as const;
    ({ values } = parseArgs({ args: [...args], options }));
  } catch (error) {
    process.stderr.write(`${(error as Error).message.split('. ', 1)[0]}; --help lists the options.\n`);
    return 2;
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  await buildBundles();
  const progress = (text: string) => process.stderr.write(`${text}\n`);
  const torture = { steps: tortureSteps(), tenants: [] };
  const result = await (values.torture === true ? playDay(progress, torture) : playDay(progress));
  process.stdout.write(values.json === true ? `${JSON.stringify(result)}\n` : reportText(result));
  const unused = values.torture === true ? 0 : result.unused.length;
  return result.unexpected.length + unused === 0 ? 0 : 1;
}
