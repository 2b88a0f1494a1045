// The emulator as a class: start it, stop it, look inside, and make it misbehave.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { administrate } from './admin/routes.ts';
import { Connection, type ConnectionHost } from './amqp/connection.ts';
import { EmulatorClock } from './broker/clock.ts';
import type { Queue, Subscription, Topic } from './broker/entities.ts';
import { Namespace, pathOf } from './broker/namespace.ts';
import type { Receivable } from './broker/receivable.ts';
import {
  LIMITS,
  type Limits,
  type QueueSettings,
  type SubscriptionSettings,
  type TopicSettings,
} from './broker/settings.ts';
import { DEVELOPMENT_CERTIFICATE } from './certificate.ts';
import { applyConfig, parseConfig } from './config.ts';
import { control, isControlPath } from './control.ts';
import { CONDITION, type Condition, entityNotFound, forwarding, ServiceBusError } from './errors.ts';
import { Faults } from './front/faults.ts';
import { connectLink } from './front/links.ts';
import { acceptWebSocket } from './front/websocket.ts';
import { listMessages, type MessageSummary, type StoreSummary, summarize } from './inspect.ts';
import { describeEntity, entityPath } from './persistence/descriptions.ts';
import { FileJournal, type FsyncPolicy } from './persistence/file-journal.ts';
import { recover, writeSnapshot } from './persistence/recovery.ts';
import { MultiplexedServer } from './server.ts';

/** What the emulator can be started with. */
export interface ServiceBusEmulatorOptions {
  /** 0, the default, takes any free port. */
  readonly port?: number;
  readonly clock?: EmulatorClock;
  /** Keeps messages and entities in this directory; without it they are in memory only. */
  readonly dataDir?: string;
  readonly fsync?: FsyncPolicy;
  /** Goes on with what can be read if the files in `dataDir` are damaged; otherwise the constructor throws and says where. */
  readonly recover?: boolean;
  /** The configuration of Microsoft's emulator: parsed, or the path of a file. */
  readonly config?: string | object;
  readonly limits?: Partial<Limits>;
  readonly log?: (message: string) => void;
}

/** Where a running emulator is. */
export interface ServiceBusAddress {
  readonly port: number;
  /** For messaging and for administration. */
  readonly connectionString: string;
}

/** A local Azure Service Bus namespace that speaks AMQP, AMQP over WebSocket, and the administration API on one port. */
export class ServiceBusEmulator {
  readonly clock: EmulatorClock;
  readonly faults = new Faults();
  readonly namespace: Namespace;
  private readonly options: ServiceBusEmulatorOptions;
  private readonly connections = new Set<Connection>();
  private readonly journal: FileJournal | undefined;
  private readonly log: (message: string) => void;
  private server: MultiplexedServer | undefined;

  constructor(options: ServiceBusEmulatorOptions = {}) {
    this.options = options;
    this.clock = options.clock ?? new EmulatorClock();
    this.log = options.log ?? (() => undefined);
    const journal =
      options.dataDir === undefined ? undefined : new FileJournal(options.dataDir, { ...options, log: this.log });
    this.journal = journal;
    this.namespace = new Namespace(
      this.clock,
      journal,
      { ...LIMITS, ...options.limits },
      {
        changed: (entity) => {
          journal?.entity(entityPath(entity), describeEntity(entity));
          if (entity.kind !== 'topic') this.closeForwarding(entity.receivable);
        },
        deleted: (path) => {
          journal?.entity(path, undefined);
          this.closeLinks(path, entityNotFound(path));
        },
      },
    );
    try {
      if (journal !== undefined) {
        const left = recover(this.namespace, journal.recovered);
        if (left > 0) this.log(`Messages left out, because their content or their entity cannot be read: ${left}.`);
        journal.snapshot = (target) => writeSnapshot(this.namespace, target);
        journal.begin();
      }
      this.applyConfig();
    } catch (error) {
      journal?.close();
      throw error;
    }
  }

  /** Listens. Rejects with the port's number in the text if the port is taken. */
  async start(): Promise<ServiceBusAddress> {
    const server = new MultiplexedServer({
      certificate: DEVELOPMENT_CERTIFICATE,
      amqp: (socket) => this.accept(socket),
      http: (request, response) => {
        this.serveHttp(request, response).catch((error) => {
          this.log(`${request.method} ${request.url}: ${String(error)}`);
          response.destroy();
        });
      },
      upgrade: (request, socket, head) => {
        acceptWebSocket(request, socket, head, (stream) => this.accept(stream));
      },
    });
    const port = await server.listen(this.options.port ?? 0);
    this.server = server;
    return { port, connectionString: connectionStringFor(port) };
  }

  /** Cuts all connections and stops. What is in memory is lost, what is in `dataDir` is not. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    await server?.close();
    this.namespace.dispose();
    this.clock.dispose();
    this.journal?.close();
  }

  createQueue(name: string, settings?: Partial<QueueSettings>): Queue {
    return this.saved(this.namespace.createQueue(name, settings));
  }

  createTopic(name: string, settings?: Partial<TopicSettings>): Topic {
    return this.saved(this.namespace.createTopic(name, settings));
  }

  createSubscription(topic: string, name: string, settings?: Partial<SubscriptionSettings>): Subscription {
    return this.saved(this.namespace.createSubscription(topic, name, settings));
  }

  /** Everything that holds messages, with counts. */
  entities(): StoreSummary[] {
    return summarize(this.namespace);
  }

  /** The messages of a queue, subscription (`topic/Subscriptions/name`) or dead-letter queue (`…/$DeadLetterQueue`). */
  messages(path: string, limit?: number): MessageSummary[] {
    return listMessages(this.namespace, path, limit);
  }

  /** Forgets messages, sessions, seen ids and faults; with `entities`, also what was created since the start. */
  reset({ entities = false }: { readonly entities?: boolean } = {}): void {
    this.faults.clear();
    for (const store of this.namespace.stores()) store.clear();
    for (const entity of this.namespace.all()) if (entity.kind !== 'subscription') entity.duplicates.clear();
    if (entities) {
      for (const entity of [...this.namespace.list('queue'), ...this.namespace.list('topic')])
        this.namespace.delete(entity.name);
      this.applyConfig();
    }
    this.journal?.flush();
  }

  /** Moves time forward: locks run out, messages expire, scheduled ones become available. */
  advanceClock(ms: number): void {
    this.clock.advance(ms);
    this.journal?.flush();
  }

  /** Closes links from the server's side; the SDK attaches again unless the condition is final. The answer is how many. */
  detachLinks({
    path,
    condition = CONDITION.detachForced,
  }: {
    readonly path?: string;
    readonly condition?: Condition;
  } = {}): number {
    return this.closeLinks(path, new ServiceBusError(condition, 'The link was detached on demand.'));
  }

  /** Ends locks of messages and sessions as if their time had run out; the answer is how many messages were locked. */
  loseLocks(path?: string): number {
    let lost = 0;
    for (const store of this.namespace.stores())
      if (path === undefined || isWithin(store.path, path)) lost += store.loseLocks();
    this.journal?.flush();
    return lost;
  }

  /** Cuts every connection without a word; the answer is how many. */
  disconnect(): number {
    const { size } = this.connections;
    for (const connection of this.connections) connection.destroy();
    return size;
  }

  /** Answers the next `count` sends and management requests with server-busy. */
  throttle(count: number): void {
    this.faults.throttle(count);
  }

  /** Refuses the next `count` sends, to one entity or to any. */
  rejectSends(count: number, condition?: Condition, entity?: string): void {
    this.faults.rejectSends(count, condition, entity);
  }

  /** Delays every send and management request by this much real time. */
  setLatency(ms: number): void {
    this.faults.latencyMs = ms;
  }

  private saved<T>(entity: T): T {
    this.journal?.flush();
    return entity;
  }

  private applyConfig(): void {
    const { config } = this.options;
    if (config === undefined) return;
    applyConfig(this.namespace, typeof config === 'string' ? parseConfig(readFileSync(config, 'utf8')) : config);
    this.journal?.flush();
  }

  private accept(stream: Duplex): void {
    const host: ConnectionHost = {
      attach: (request) => connectLink({ namespace: this.namespace, faults: this.faults }, request),
      beforeWrite: () => this.journal?.flush(),
      log: this.log,
    };
    const connection = new Connection(stream, host);
    this.connections.add(connection);
    stream.on('close', () => this.connections.delete(connection));
  }

  private async serveHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (isControlPath(request.url ?? '')) await control(this, request, response);
    else await administrate(this.namespace, request, response, () => this.journal?.flush());
  }

  /** Receivers that were there before an entity began to forward its messages. */
  private closeForwarding(receivable: Receivable): void {
    const paths = receivable.stores.filter((store) => receivable.forwards(store)).map(({ path }) => path.toLowerCase());
    if (paths.length === 0) return;
    for (const connection of this.connections)
      for (const link of [...connection.links()])
        if (link.direction === 'outgoing' && paths.includes(foldedPath(link.address)))
          link.close(forwarding('receiver'));
  }

  private closeLinks(path: string | undefined, error: ServiceBusError): number {
    const doomed = [...this.connections].flatMap((connection) =>
      [...connection.links()].filter(
        ({ address }) => address !== '$cbs' && (path === undefined || isWithin(address, path)),
      ),
    );
    for (const link of doomed) link.close(error);
    return doomed.length;
  }
}

/** The connection string for an emulator on this machine. */
export function connectionStringFor(port: number): string {
  return `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;`;
}

function isWithin(address: string, path: string): boolean {
  const folded = foldedPath(address);
  const wanted = path.toLowerCase();
  return folded === wanted || folded.startsWith(`${wanted}/`);
}

const foldedPath = (address: string): string => pathOf(address).toLowerCase();
