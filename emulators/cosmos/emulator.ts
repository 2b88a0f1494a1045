// The emulator itself: puts account, persistence, faults and server together, and offers their controls as methods.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ActiveFault, type FaultRule, Faults } from './faults.ts';
import { verifySignature } from './http/auth.ts';
import { type Controls, control } from './http/control.ts';
import type { Exchange, Reply } from './http/exchange.ts';
import { route } from './http/router.ts';
import { makeServer } from './http/server.ts';
import type { Consistency } from './http/services.ts';
import type { Work } from './http/turns.ts';
import { DEFAULT_RANGES, MAX_RANGES, WELL_KNOWN_KEY } from './limits.ts';
import { QueryCache } from './sql/cache.ts';
import { Account } from './store/account.ts';
import { Clock } from './store/clock.ts';
import { Journal } from './store/journal.ts';
import { NO_LOG } from './store/journal-types.ts';

/** How to run an emulator; everything is optional. */
export interface CosmosEmulatorOptions {
  /** Port on 127.0.0.1; default: a free one. */
  readonly port?: number;
  /** Account key in base64; default: the published key of every Cosmos DB emulator. */
  readonly key?: string;
  /** Reads the time in ms since 1970; default: the machine's. Moved forward by `advanceClock`. */
  readonly clock?: () => number;
  /** Directory that keeps the data over restarts; default: memory only. */
  readonly dataDir?: string;
  /** Physical ranges of a new container, unless its throughput asks for more. */
  readonly partitionRanges?: number;
  /** Whether a wrong key is refused with 401; default true. */
  readonly verifySignatures?: boolean;
  /**
   * Whether an ORDER BY with several terms is refused, as in the service, in containers without any composite index;
   * default false. In containers that have one it is always checked.
   */
  readonly strictIndexes?: boolean;
  /** The account's default consistency, as the SDK and `getDatabaseAccount` see it; default `Session`, as in the service. */
  readonly consistency?: Consistency;
  /** Receives what went wrong inside; default: dropped. */
  readonly log?: (line: string) => void;
}

/** Where a started emulator is. */
export interface CosmosConnection {
  readonly endpoint: string;
  readonly key: string;
  readonly connectionString: string;
}

/** A container as `inspect` shows it. */
export interface ContainerSummary {
  readonly id: string;
  readonly documents: number;
  readonly partitions: number;
  readonly ranges: readonly { readonly id: string; readonly min: string; readonly max: string; readonly lsn: number }[];
}

/** Everything as `inspect` shows it. */
export interface EmulatorSummary {
  readonly now: number;
  readonly databases: readonly { readonly id: string; readonly containers: readonly ContainerSummary[] }[];
  readonly faults: readonly ActiveFault[];
}

/** A local Azure Cosmos DB (NoSQL) account that the unmodified SDK can talk to. */
export class CosmosEmulator implements Controls {
  readonly #options: CosmosEmulatorOptions;
  readonly #clock: Clock;
  readonly #faults = new Faults();
  readonly #queries = new QueryCache();
  readonly #key: string;
  readonly #keyBytes: Buffer;
  #account: Account;
  #journal: Journal | undefined;
  #server: Server | undefined;
  #port = 0;

  constructor(options: CosmosEmulatorOptions = {}) {
    const { partitionRanges = DEFAULT_RANGES } = options;
    if (!Number.isInteger(partitionRanges) || partitionRanges < 1 || partitionRanges > MAX_RANGES) {
      throw new Error(`partitionRanges must be between 1 and ${MAX_RANGES}.`);
    }
    this.#options = options;
    this.#clock = new Clock(options.clock);
    this.#key = options.key ?? WELL_KNOWN_KEY;
    this.#keyBytes = Buffer.from(this.#key, 'base64');
    this.#account = new Account(this.#clock, NO_LOG, partitionRanges);
  }

  /** Starts listening on 127.0.0.1, after reading back what `dataDir` holds. */
  async start(): Promise<CosmosConnection> {
    if (this.#server !== undefined) throw new Error('The emulator is already running.');
    const { dataDir, port = 0, log = () => undefined } = this.#options;
    const server = makeServer({ faults: this.#faults, serve: (exchange) => this.#serve(exchange), log });
    try {
      if (dataDir !== undefined) {
        this.#journal = new Journal(dataDir);
        this.#account = this.#journal.open(this.#clock, this.#options.partitionRanges ?? DEFAULT_RANGES);
      }
      this.#port = await listen(server, port);
    } catch (error) {
      this.#journal?.close();
      this.#journal = undefined;
      throw error;
    }
    this.#server = server;
    return this.connection;
  }

  /** Where the running emulator is. */
  get connection(): CosmosConnection {
    const endpoint = `http://127.0.0.1:${this.#port}/`;
    return { endpoint, key: this.#key, connectionString: `AccountEndpoint=${endpoint};AccountKey=${this.#key};` };
  }

  /** Stops listening, breaks open connections, and flushes the data directory to disk. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    server.closeAllConnections();
    await closed;
    this.#journal?.close();
    this.#journal = undefined;
  }

  /** Deletes all data and faults; the clock keeps its offset. */
  reset(): void {
    this.#faults.clear();
    for (const name of [...this.#account.databases.keys()]) this.#account.deleteDatabase(name);
  }

  /** Moves the emulator's clock forward; returns the new time. Documents whose time is up are gone at once. */
  advanceClock(ms: number): number {
    this.#clock.advance(ms);
    return this.#clock.now();
  }

  /** Splits a range (default: the first one) in two; returns the ids of the children. */
  split(database: string, container: string, rangeId?: string): readonly string[] {
    const found = this.#account.container(database, container);
    found.expire();
    return this.#account.splitRange(found, rangeId ?? found.ranges[0]?.id ?? '').map(({ id }) => id);
  }

  /** A summary of all databases, containers, ranges and faults. */
  inspect(): EmulatorSummary {
    const databases = [...this.#account.databases.values()].map(({ id, containers }) => ({
      id,
      containers: [...containers.values()].map((container) => ({
        id: container.id,
        documents: container.documentCount,
        partitions: container.partitions.size,
        ranges: container.ranges.map((range) => ({ id: range.id, min: range.min, max: range.max, lsn: range.lsn })),
      })),
    }));
    return { now: this.#clock.now(), databases, faults: this.#faults.list() };
  }

  /** Orders a fault; returns its id. */
  addFault(rule: FaultRule): string {
    return this.#faults.add(rule);
  }

  /** Cancels one fault, or all. */
  clearFaults(id?: string): void {
    this.#faults.clear(id);
  }

  /** The ordered faults and how often each has struck. */
  listFaults(): readonly ActiveFault[] {
    return this.#faults.list();
  }

  #serve(exchange: Exchange): Reply | Work {
    if (exchange.segments[0] === '_control') return control(this, exchange);
    if (this.#options.verifySignatures ?? true)
      verifySignature(exchange, this.#keyBytes, new URL(this.connection.endpoint).origin);
    const { strictIndexes = false, consistency = 'Session' } = this.#options;
    const services = { account: this.#account, queries: this.#queries, port: this.#port, strictIndexes, consistency };
    return route(services, exchange);
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken ? new Error(`Port ${port} is already in use; choose another one for the Cosmos DB emulator.`) : error,
      );
    });
    server.listen(port, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}
