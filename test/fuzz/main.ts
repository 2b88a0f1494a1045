// `npm run fuzz`: structured inputs against the edge and a cell of each cloud.
import { parseArgs } from 'node:util';
import { buildBundles } from '../../build/bundles.mjs';
import { type FuzzResult, fuzz } from './fuzz.ts';
import { bothCells, edge } from './targets.ts';

const HELP = `Usage: npm run fuzz [-- --inputs N] [--seed N] [--json]

Sends requests that are nearly right to the edge, and to a cell of each cloud on emulators. Ends with 1 if one is answered with 500 or more, or
not at all, or by the clouds in different ways (test/parity/allowed.json has what may differ). What fails is printed in its smallest form.

  --inputs N  inputs for each of the two; 100000 if not given
  --seed N    from which they are made; 1 if not given
  --json      the result as JSON on standard output
`;

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // The clients inside a function read their keys from here; the SDK's word on old versions of Node.js is known.
  process.env.AWS_ACCESS_KEY_ID ??= 'fuzz';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'fuzz';
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  let values: { inputs: string; seed: string; json?: boolean; help?: boolean };
  try {
    const options = {
      inputs: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    } as const;
    ({ values } = parseArgs({ args: [...args], options }));
    for (const name of ['inputs', 'seed'] as const)
      if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new TypeError(`--${name} must be a whole number from 1`);
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
  const results: FuzzResult[] = [];
  for (const open of [edge, bothCells]) {
    const target = await open();
    try {
      results.push(await fuzz(target, Number(values.seed), Number(values.inputs), progress));
    } finally {
      await target.close();
    }
  }
  process.stdout.write(values.json === true ? `${JSON.stringify(results)}\n` : results.map(textOf).join(''));
  return results.every(({ failures }) => failures.length === 0) ? 0 : 1;
}

const textOf = ({ target, seed, inputs, kinds, failures }: FuzzResult): string =>
  [
    `${target}: ${inputs} inputs of seed ${seed} (${Object.entries(kinds)
      .map(([kind, count]) => `${count} ${kind}`)
      .join(', ')}), ${failures.length} failures`,
    ...failures.flatMap(({ number, failure, smallest: { method, path, headers, body, chunked } }) => [
      `  input ${number}: ${failure.slice(0, 500)}`,
      `    ${method} ${path} ${JSON.stringify(headers)}${chunked ? ' in chunks' : ''}`,
      `    ${typeof body === 'string' ? body.slice(0, 500) : `base64 ${Buffer.from(body).toString('base64').slice(0, 500)}`}`,
    ]),
    '',
  ].join('\n');
