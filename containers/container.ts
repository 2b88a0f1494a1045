// The life of a container's process: starts its parts, reports how they are, and ends in order when the platform says so.
import { withTimeout } from '../core/lib/timeout.ts';
import type { Clock } from '../core/ports/clock.ts';
import { describeError, stackOf } from '../core/ports/errors.ts';
import type { Log } from '../core/ports/log.ts';
import { HealthServer } from './health-server.ts';
import type { Part } from './part.ts';

/** Times of a container, in milliseconds. */
export const CONTAINER_LIMITS = {
  /** Not ready, and still serving: load balancers must have noticed before connections are refused. Only a container that serves HTTP waits. */
  drainMs: 5000,
  /** Everything under way ends within this, or comes again elsewhere. Platforms wait longer: 60 s in our manifests. */
  stopMs: 40_000,
  /** What a handler may take beyond its limit before the process ends. */
  graceMs: 1000,
} as const;

export interface ContainerOptions {
  readonly parts: readonly Part[];
  readonly healthPort: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** A running container. */
export class Container {
  readonly #options: ContainerOptions;
  readonly #health: HealthServer;
  #started = false;
  #stopping: Promise<number> | undefined;

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.#health = new HealthServer(options.healthPort, () => this.#notReady());
  }

  /** Where it reports how it is. */
  get healthPort(): number {
    return this.#health.port;
  }

  /** Starts all parts; rejects with the first failure. */
  async start(): Promise<void> {
    await this.#health.start();
    await Promise.all(this.#options.parts.map((part) => part.start()));
    this.#started = true;
  }

  /** Ends in order and resolves with the exit code: 0 if everything ended in time. Repeating it is harmless. */
  stop(): Promise<number> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<number> {
    const { parts, clock, log } = this.#options;
    if (this.#started && parts.some(({ name }) => name === 'http')) await clock.sleep(CONTAINER_LIMITS.drainMs);
    const late = () => new Error('Not all parts ended in time; what was under way comes again.');
    try {
      await withTimeout(clock, CONTAINER_LIMITS.stopMs, Promise.all(parts.map((part) => part.stop())), late);
      return 0;
    } catch (error) {
      log.error('the container did not end in order', describeError(error));
      return 1;
    } finally {
      await this.#health.stop();
    }
  }

  #notReady(): Readonly<Record<string, string>> {
    if (this.#stopping !== undefined) return { container: 'is ending' };
    if (!this.#started) return { container: 'is starting' };
    const faults = this.#options.parts.flatMap((part): [string, string][] => {
      const reason = part.notReady();
      return reason === undefined ? [] : [[part.name, reason]];
    });
    return Object.fromEntries(faults);
  }
}

/** Exports what the work has left in telemetry, once it is done; nothing waits for it. */
export const exporting =
  <A extends readonly unknown[], R>(
    { flush }: { flush(): Promise<void> },
    work: (...args: A) => Promise<R>,
  ): ((...args: A) => Promise<R>) =>
  async (...args) => {
    try {
      return await work(...args);
    } finally {
      void flush();
    }
  };

/**
 * Work that takes longer than its limit ends the process, as the platforms of functions do: nothing else frees what hangs, and only a process
 * that has ended gives its messages and shards to others.
 */
export function limited<A extends readonly unknown[], R>(
  name: string,
  limitMs: number,
  { clock, log, exit }: Pick<ContainerOptions, 'clock' | 'log' | 'exit'>,
  work: (...args: A) => Promise<R>,
): (...args: A) => Promise<R> {
  const late = () => new Error(`${name} took longer than ${limitMs} ms.`);
  return async (...args) => {
    let isLate = false;
    const limit = limitMs + CONTAINER_LIMITS.graceMs;
    return withTimeout(clock, limit, work(...args), () => {
      isLate = true;
      return late();
    }).catch((error: unknown) => {
      if (isLate) {
        log.error('a handler took too long; the container ends', { ...describeError(error), handler: name });
        exit(1);
      }
      throw error;
    });
  };
}

/** What a container is made of once its settings are read; reading them throws a `ConfigError`. */
export type Setup = () => Pick<ContainerOptions, 'parts' | 'healthPort'>;

/** Runs a container until the platform ends it: SIGTERM and SIGINT end it in order, a second one at once. */
export async function runContainer(deps: Omit<ContainerOptions, 'parts' | 'healthPort'>, setup: Setup): Promise<void> {
  const { log, exit } = deps;
  let container: Container | undefined;
  const fatal = (what: string) => (error: unknown) => {
    log.error(what, { ...describeError(error), ...stackOf(error) });
    exit(1);
  };
  process.on('uncaughtException', fatal('an error nothing has caught ends the container'));
  process.on('unhandledRejection', fatal('a rejection nothing has handled ends the container'));
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) return exit(1);
      log.info('the container ends', { signal });
      if (container === undefined) return exit(1);
      void container.stop().then(exit);
    });
  try {
    const options = { ...deps, ...setup() };
    container = new Container(options);
    await container.start();
    log.info('the container runs', { parts: options.parts.map(({ name }) => name) });
  } catch (error) {
    // What is wrong with its settings is for people, and says all that there is to say.
    log.error('the container does not start', describeError(error));
    exit(1);
  }
}
