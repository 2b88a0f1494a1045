// The emulator as a program of its own; `--help` lists its options.
import { parseArgs } from 'node:util';
import { CosmosEmulator, type CosmosEmulatorOptions } from './emulator.ts';
import { CONSISTENCIES, type Consistency } from './http/services.ts';
import { version } from './package.json';

const HELP = `cosmos-emulator ${version}: Azure Cosmos DB (NoSQL) on 127.0.0.1

  --port N               the port for HTTP; 8081 if not given, 0 for any free one
  --data DIR             keep the data in this directory; in memory if not given
  --key KEY              the account key in base64; the published key of every Cosmos DB emulator if not given
  --no-verify            accept requests whatever they are signed with
  --ranges N             physical partition key ranges of a new container; 2 if not given
  --consistency LEVEL    what the account says of itself: ${CONSISTENCIES.join(', ')}
  --strict-indexes       refuse an ORDER BY with several terms in containers without composite indexes, as the service does
  --stop-with-stdin      end when standard input does, as a child process should
  --version, --help

Writes one line of JSON with endpoint, key and connection string to standard output once it is ready, and runs until Ctrl-C.
`;

/** Exit code for a command line that makes no sense. */
const USAGE = 2;

/** Runs until SIGINT or SIGTERM, or until the parent goes away that holds its IPC channel. The answer is the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (error) {
    // `parseArgs` throws a TypeError that says which argument it does not understand.
    if (error instanceof TypeError) return fail(`${error.message}\n\n${HELP}`, USAGE);
    throw error;
  }
  if (values.help || values.version) {
    process.stdout.write(values.help ? HELP : `${version}\n`);
    return 0;
  }
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port > 65_535) return fail(`--port ${values.port} is not a port number`, USAGE);
  if (values.ranges !== undefined && !/^\d+$/.test(values.ranges))
    return fail(`--ranges ${values.ranges} is not a number`, USAGE);
  const consistency = CONSISTENCIES.find((level): level is Consistency => level === values.consistency);
  if (values.consistency !== undefined && consistency === undefined)
    return fail(`--consistency must be one of ${CONSISTENCIES.join(', ')}`, USAGE);
  const options: CosmosEmulatorOptions = {
    port,
    verifySignatures: !values['no-verify'],
    strictIndexes: values['strict-indexes'],
    ...(values.key === undefined ? {} : { key: values.key }),
    ...(values.data === undefined ? {} : { dataDir: values.data }),
    ...(values.ranges === undefined ? {} : { partitionRanges: Number(values.ranges) }),
    ...(consistency === undefined ? {} : { consistency }),
    log: (line) => process.stderr.write(`${line}\n`),
  };
  let emulator: CosmosEmulator;
  let ended: Promise<void>;
  try {
    emulator = new CosmosEmulator(options);
    const connection = await emulator.start();
    // Signals are listened for before the line is written: its reader may send one at once.
    ended = ending(values['stop-with-stdin']);
    const ready = { ready: true, ...connection };
    process.send?.(ready);
    process.stdout.write(`${JSON.stringify(ready)}\n`);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), 1);
  }
  await ended;
  await emulator.stop();
  // A parent that is still there holds the other end of it open, which would keep this process alive.
  process.stdin.destroy();
  if (process.connected) process.disconnect();
  return 0;
}

function parse(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: 'string', default: '8081' },
      data: { type: 'string' },
      key: { type: 'string' },
      'no-verify': { type: 'boolean', default: false },
      ranges: { type: 'string' },
      consistency: { type: 'string' },
      'strict-indexes': { type: 'boolean', default: false },
      'stop-with-stdin': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      version: { type: 'boolean', default: false },
    },
  });
  return values;
}

/** Resolves on a signal, once an IPC channel is closed or, if that is wanted, once standard input is. */
function ending(withStdin: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    if (process.send !== undefined) process.once('disconnect', () => resolve());
    if (!withStdin) return;
    // A parent that dies, even by kill -9, closes its end of the pipe.
    process.stdin.once('end', () => resolve());
    process.stdin.once('error', () => resolve());
    process.stdin.resume();
  });
}

function fail(message: string, code: number): number {
  process.stderr.write(`${message.trimEnd()}\n`);
  return code;
}
