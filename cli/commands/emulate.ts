// `polycell emulate`: one emulator of an Azure service in the foreground, for any program that uses the service's SDK.
import path from 'node:path';
import { CosmosEmulator } from '../../emulators/cosmos/emulator.ts';
import { ServiceBusEmulator } from '../../emulators/service-bus/emulator.ts';
import { sourceFile } from '../../local/source-file.ts';
import { suggestion } from '../closest.ts';
import { type Command, UserError, wholeNumber } from '../command.ts';

/** An orderly stop that takes longer than this is ended by force, in milliseconds. */
const STOP_TIMEOUT_MS = 4500;

interface EmulatorOptions {
  readonly port: number;
  readonly dataDir?: string;
  readonly recover?: boolean;
  readonly log: (line: string) => void;
}

interface Address {
  readonly endpoint: string;
  readonly connectionString: string;
}

interface Emulator {
  start(): Promise<Address>;
  stop(): Promise<void>;
}

interface Service {
  readonly title: string;
  /** The port that programs expect, so that a connection string stays valid over restarts. */
  readonly port: number;
  make(options: EmulatorOptions): Emulator;
  /** Whether it can continue with the readable part of a damaged folder. */
  readonly recovers: boolean;
  /** How a program connects to it. */
  hint(): readonly string[];
}

const SERVICES: Readonly<Record<string, Service>> = {
  cosmos: {
    title: 'Azure Cosmos DB',
    port: 8081,
    recovers: false,
    make: (options) => new CosmosEmulator(options),
    hint: () => ["new CosmosClient('<connection string>')          from @azure/cosmos"],
  },
  'service-bus': {
    title: 'Azure Service Bus',
    port: 5672,
    recovers: true,
    make: (options) => {
      const emulator = new ServiceBusEmulator(options);
      return {
        start: async () => {
          const { port, connectionString } = await emulator.start();
          return { endpoint: `sb://127.0.0.1:${port}`, connectionString };
        },
        stop: () => emulator.stop(),
      };
    },
    hint: () => [
      "new ServiceBusClient('<connection string>')      from @azure/service-bus",
      '',
      'ServiceBusAdministrationClient takes the same and uses HTTPS. Let its program trust the emulator:',
      `  export NODE_EXTRA_CA_CERTS=${sourceFile('emulators/service-bus/certificate.pem')}`,
    ],
  },
};

const NAMES = Object.keys(SERVICES);

export const emulate: Command = {
  summary: 'run an emulator of an Azure service without the stack',
  usage: `${NAMES.join('|')} [--port N] [--data DIR] [--recover]`,
  example: 'npx polycell emulate cosmos --data ./state',
  options: { port: { type: 'string' }, data: { type: 'string' }, recover: { type: 'boolean' } },
  describe: {
    '--port N': `the port on 127.0.0.1, 0 for a free one; ${NAMES.map((name) => `${SERVICES[name]?.port} for ${name}`).join(' and ')} if not given`,
    '--data DIR': 'keep the state in this folder over restarts; in memory if not given',
    '--recover': 'go on with what can be read of a damaged folder (service-bus)',
  },
  positionals: 1,
  async run({ positionals, options, json, out, err }) {
    const [name] = positionals;
    const service = name !== undefined && Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined;
    if (service === undefined) {
      const given = name === undefined ? 'Name a service' : `There is no emulator ${JSON.stringify(name)}`;
      err(`${given}; there are ${NAMES.join(', ')}.${suggestion(name ?? '', NAMES)}`);
      return 2;
    }
    const port = wholeNumber(options, 'port', service.port, 0, 65_535);
    const data = typeof options.data === 'string' ? path.resolve(options.data) : undefined;

    if (options.recover === true && !service.recovers) {
      err(`--recover is for service-bus, not for ${name}.`);
      return 2;
    }

    const ended = new Promise<void>((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
    });
    const { emulator, address } = await start(service, {
      port,
      ...(data !== undefined && { dataDir: data }),
      ...(options.recover === true && { recover: true }),
      log: err,
    });
    out(json ? JSON.stringify({ ready: true, ...pick(address) }) : welcome(service, address, data));
    await ended;
    // A second Ctrl-C is not waited for.
    process.once('SIGINT', () => process.exit(130));
    const force = setTimeout(() => process.exit(1), STOP_TIMEOUT_MS);
    await emulator.stop();
    clearTimeout(force);
    if (!json) out('Stopped.');
    return 0;
  },
};

/** The printed part of an address: the Cosmos DB emulator's also has the key, which the connection string contains. */
const pick = ({ endpoint, connectionString }: Address): Address => ({ endpoint, connectionString });

async function start(service: Service, options: EmulatorOptions): Promise<{ emulator: Emulator; address: Address }> {
  let emulator: Emulator | undefined;
  try {
    emulator = service.make(options);
    return { emulator, address: await emulator.start() };
  } catch (error) {
    // Restored data may hold timers, which would keep this process alive.
    await emulator?.stop();
    throw new UserError(error instanceof Error ? error.message : String(error));
  }
}

function welcome({ title, hint }: Service, address: Address, data: string | undefined): string {
  return [
    '',
    `${title} is emulated at ${address.endpoint}. Its connection string:`,
    '',
    `  ${address.connectionString}`,
    '',
    'Use it with the ordinary SDK:',
    ...hint().map((line, index) => (index === 0 ? `  ${line}` : line)),
    '',
    data === undefined
      ? 'State is in memory and gone when the emulator stops; --data DIR keeps it.'
      : `State is kept in ${data}.`,
    'Ctrl-C stops the emulator.',
    '',
  ].join('\n');
}
