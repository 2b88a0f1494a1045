// Runs the emulator as its own process: `main.ts [--port N] [--data DIR] [--config FILE] [--fsync always]`.
import { parseArgs } from 'node:util';
import { ServiceBusEmulator, type ServiceBusEmulatorOptions } from './emulator.ts';

/**
 * Starts the emulator, writes one line of JSON with its address to stdout, and runs until SIGINT, SIGTERM, or until the
 * parent goes away: its end of stdin, or of the IPC channel, closes then.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: 'string', default: '5672' },
      data: { type: 'string' },
      config: { type: 'string' },
      fsync: { type: 'string', default: 'never' },
      'keep-running': { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return fail(`--port ${values.port} is not a port number`);
  if (values.fsync !== 'never' && values.fsync !== 'always') return fail('--fsync must be never or always');
  const options: ServiceBusEmulatorOptions = {
    port,
    fsync: values.fsync,
    ...(values.data === undefined ? {} : { dataDir: values.data }),
    ...(values.config === undefined ? {} : { config: values.config }),
    log: (message) => process.stderr.write(`${message}\n`),
  };
  let emulator: ServiceBusEmulator;
  let ended: Promise<void>;
  try {
    emulator = new ServiceBusEmulator(options);
    const address = await emulator.start();
    // Listened for before anyone is told: whoever reads the line may end it at once.
    ended = ending(!values['keep-running']);
    process.stdout.write(`${JSON.stringify({ ready: true, ...address })}\n`);
    process.send?.({ ready: true, ...address });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
  await ended;
  await emulator.stop();
  // A parent that is still there holds the other end of it open, which would keep this process alive.
  process.stdin.destroy();
  if (process.connected) process.disconnect();
  return 0;
}

/** Resolves on a signal or, if the parent matters, once it is gone. */
function ending(followParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
    if (!followParent) return;
    if (process.send !== undefined) process.once('disconnect', () => resolve());
    else if (!process.stdin.isTTY) {
      process.stdin.once('end', () => resolve());
      process.stdin.once('error', () => resolve());
      process.stdin.resume();
    }
  });
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`);
  return 1;
}
