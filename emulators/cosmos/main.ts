// Runs the emulator as a process of its own: prints one JSON line when ready and ends with its parent.
import { fstatSync } from 'node:fs';
import { CosmosEmulator, type CosmosEmulatorOptions } from './emulator.ts';
import { CONSISTENCIES } from './http/services.ts';

/** Options from the command line: `--port N --key K --data DIR --ranges N --consistency LEVEL --no-verify`. */
function readOptions(args: readonly string[]): CosmosEmulatorOptions {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(name);
    return at < 0 ? undefined : args[at + 1];
  };
  const port = value('--port');
  const key = value('--key');
  const dataDir = value('--data');
  const ranges = value('--ranges');
  const level = value('--consistency');
  const consistency = CONSISTENCIES.find((each) => each === level);
  if (level !== undefined && consistency === undefined)
    throw new Error(`The consistency ${level} is none of ${CONSISTENCIES.join(', ')}.`);
  return {
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(key === undefined ? {} : { key }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(ranges === undefined ? {} : { partitionRanges: Number(ranges) }),
    ...(consistency === undefined ? {} : { consistency }),
    verifySignatures: !args.includes('--no-verify'),
    log: (line) => console.error(line),
  };
}

/** Whether standard input comes from another process; a terminal or an empty file says nothing about a parent. */
function isPipe(): boolean {
  try {
    const input = fstatSync(0);
    return input.isFIFO() || input.isSocket();
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  const emulator = new CosmosEmulator(readOptions(process.argv.slice(2)));
  const connection = await emulator.start();
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    emulator.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // A parent that dies, even by kill -9, closes its end of the pipe.
  process.once('disconnect', stop);
  if (isPipe()) {
    process.stdin.once('end', stop);
    process.stdin.once('error', stop);
    process.stdin.resume();
  }
  const ready = { ready: true, ...connection };
  process.send?.(ready);
  console.log(JSON.stringify(ready));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
