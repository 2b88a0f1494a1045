// The emulator as a program of its own; `--help` lists its options.
import { parseArgs } from 'node:util';
import { ServiceBusEmulator, type ServiceBusEmulatorOptions } from './emulator.ts';
import { version } from './package.json';

const HELP = `service-bus-emulator ${version}: Azure Service Bus on 127.0.0.1

  --port N            the port for AMQP, WebSocket and HTTPS; 5672 if not given, 0 for any free one
  --data DIR          keep entities and messages in this directory; in memory if not given
  --config FILE       entities to begin with: the Config.json of Microsoft's emulator
  --fsync always      force every change to the disk before it is acknowledged; never, if not given
  --recover           go on with what can be read of a damaged data directory
  --stop-with-stdin   end when standard input does, as a child process should
  --version, --help

Writes one line of JSON with the port and the connection string to standard output once it is ready, and runs until Ctrl-C.
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
  if (values.fsync !== 'never' && values.fsync !== 'always') return fail('--fsync must be never or always', USAGE);
  const options: ServiceBusEmulatorOptions = {
    port,
    fsync: values.fsync,
    recover: values.recover,
    ...(values.data === undefined ? {} : { dataDir: values.data }),
    ...(values.config === undefined ? {} : { config: values.config }),
    log: (message) => process.stderr.write(`${message}\n`),
  };
  let emulator: ServiceBusEmulator;
  let ended: Promise<void>;
  try {
    emulator = new ServiceBusEmulator(options);
    const address = await emulator.start();
    // Listen for signals before printing the line: its reader may stop the program at once.
    ended = ending(values['stop-with-stdin']);
    process.stdout.write(`${JSON.stringify({ ready: true, ...address })}\n`);
    process.send?.({ ready: true, ...address });
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
      port: { type: 'string', default: '5672' },
      data: { type: 'string' },
      config: { type: 'string' },
      fsync: { type: 'string', default: 'never' },
      recover: { type: 'boolean', default: false },
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
    process.stdin.once('end', () => resolve());
    process.stdin.once('error', () => resolve());
    process.stdin.resume();
  });
}

function fail(message: string, code: number): number {
  process.stderr.write(`${message.trimEnd()}\n`);
  return code;
}
