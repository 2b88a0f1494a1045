// `npm run bench -- <name>`: runs one of the side-by-side benchmarks and prints what it found.
import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks.ts';
import { reportText } from './kit/report.ts';

const HELP = `Usage: npm run bench -- <name> [--cloud aws|azure] [--rounds N] [--events N] [--quick] [--json]

${benchmarks.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`).join('\n')}

  --cloud C   the cloud to measure, aws unless given; for ${benchmarks
    .filter(({ clouds }) => clouds !== undefined)
    .map(({ name }) => name)
    .join(' and ')}
  --rounds N  rounds to measure, instead of the benchmark's own number
  --events N  events to work on, instead of the benchmark's own number; for ${benchmarks
    .filter(({ takesEvents }) => takesEvents)
    .map(({ name }) => name)
    .join(' and ')}
  --quick     less of everything: to see that it works, not to quote
  --json      the figures as JSON on standard output

Example: npm run bench -- ingest --rounds 15
`;

class UsageError extends Error {}

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // The clients inside a function read their keys from here; the SDK's word on old versions of Node.js is known.
  process.env.AWS_ACCESS_KEY_ID ??= 'bench';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'bench';
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const undos: (() => Promise<void>)[] = [];
  let interrupted: number | undefined;
  const undoAll = async () => {
    for (let undo = undos.pop(); undo !== undefined; undo = undos.pop()) await undo();
  };
  try {
    const options = readOptions(args);
    if (options === 'help') {
      process.stdout.write(HELP);
      return 0;
    }
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.once(signal, () => {
        interrupted = code;
        process.once(signal, () => process.exit(code));
        void undoAll().finally(() => process.exit(code));
      });
    }
    const { benchmark, cloud, rounds, events, quick, json } = options;
    const report = await benchmark.run({
      rounds,
      events,
      cloud,
      quick,
      progress: showProgress,
      atEnd: (undo) => undos.push(undo),
    });
    showProgress('');
    const machine = { node: process.version, platform: `${process.platform}-${process.arch}`, quick };
    process.stdout.write(json ? `${JSON.stringify({ ...machine, ...report })}\n` : reportText(report));
    return 0;
  } catch (error) {
    showProgress('');
    // Once everything is being taken away under a benchmark, how it fails says nothing.
    if (interrupted !== undefined) return interrupted;
    process.stderr.write(
      `${error instanceof UsageError ? error.message : ((error as Error).stack ?? String(error))}\n`,
    );
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await undoAll();
  }
}

function readOptions(args: readonly string[]) {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ', 1)[0]}; --help lists the options.`);
  }
  const { values, positionals } = parsed;
  if (values.help === true) return 'help' as const;
  const names = benchmarks.map(({ name }) => name).join(', ');
  const [name] = positionals;
  const benchmark = benchmarks.find((each) => each.name === name);
  if (name === undefined) throw new UsageError(`Name the benchmark to run: ${names}.`);
  if (benchmark === undefined || positionals.length > 1)
    throw new UsageError(`No benchmark is called ${positionals.join(' ')}; there are ${names}.`);
  const numberOf = (option: 'rounds' | 'events') => {
    const number = values[option] === undefined ? undefined : Number(values[option]);
    if (number === undefined || (Number.isInteger(number) && number >= 1)) return number;
    throw new UsageError(`--${option} is ${values[option]}; it must be a whole number from 1.`);
  };
  const [rounds, events] = [numberOf('rounds'), numberOf('events')];
  if (events !== undefined && benchmark.takesEvents !== true) throw new UsageError(`${name} has no --events.`);
  const cloud = (['aws', 'azure'] as const).find((each) => each === (values.cloud ?? 'aws'));
  if (cloud === undefined) throw new UsageError(`--cloud is ${values.cloud}; it must be aws or azure.`);
  if (values.cloud !== undefined && benchmark.clouds?.includes(cloud) !== true)
    throw new UsageError(`${name} has no --cloud ${cloud}.`);
  return { benchmark, cloud, rounds, events, quick: values.quick === true, json: values.json === true };
}

const parse = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      cloud: { type: 'string' },
      rounds: { type: 'string' },
      events: { type: 'string' },
      quick: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });

/** One line on standard error, overwritten in a terminal; an empty text clears it. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  else if (text !== '') process.stderr.write(`${text}\n`);
}
