// The emulator as a class: start it, stop it, look inside, and make it misbehave.
import { Connection, type ConnectionHost } from './amqp/connection.ts';
import { EmulatorClock } from './broker/clock.ts';
import { NO_JOURNAL } from './broker/journal.ts';
import { Namespace } from './broker/namespace.ts';
import { DEVELOPMENT_CERTIFICATE } from './certificate.ts';
import { Faults } from './front/faults.ts';
import { connectLink } from './front/links.ts';
import { MultiplexedServer } from './server.ts';

/** What the emulator can be started with. */
export interface ServiceBusEmulatorOptions {
  readonly port?: number;
  readonly clock?: EmulatorClock;
  readonly log?: (message: string) => void;
}

/** A local Azure Service Bus namespace. */
export class ServiceBusEmulator {
  readonly clock: EmulatorClock;
  readonly faults = new Faults();
  readonly namespace: Namespace;
  private readonly port: number;
  private readonly connections = new Set<Connection>();
  private readonly log: (message: string) => void;
  private server: MultiplexedServer | undefined;

  constructor(options: ServiceBusEmulatorOptions = {}) {
    this.port = options.port ?? 0;
    this.clock = options.clock ?? new EmulatorClock();
    this.log = options.log ?? (() => undefined);
    this.namespace = new Namespace(this.clock, NO_JOURNAL);
  }

  async start(): Promise<{ port: number; connectionString: string }> {
    const host: ConnectionHost = {
      attach: (request) => connectLink({ namespace: this.namespace, faults: this.faults }, request),
      beforeWrite: () => undefined,
      log: this.log,
    };
    this.server = new MultiplexedServer({
      certificate: DEVELOPMENT_CERTIFICATE,
      amqp: (socket) => {
        const connection = new Connection(socket, host);
        this.connections.add(connection);
        socket.on('close', () => this.connections.delete(connection));
      },
      http: (_request, response) => {
        response.statusCode = 501;
        response.end();
      },
    });
    const port = await this.server.listen(this.port);
    return {
      port,
      connectionString: `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;`,
    };
  }

  async stop(): Promise<void> {
    this.namespace.dispose();
    this.clock.dispose();
    await this.server?.close();
  }
}
