// The read cache of a simulated edge: the product's publisher and its cache on Workers KV, whose writes may take long and show late.
import { KV_LIMITS, KvRouteCache } from '../../adapters/cloudflare/kv-route-cache.ts';
import { publisher } from '../../core/edge/directory/publisher.ts';
import type { DirectoryRecord } from '../../core/edge/ports/directory-model.ts';
import type { DirectoryStorage } from '../../core/edge/ports/directory-storage.ts';
import type { RouteCache } from '../../core/edge/ports/route-cache.ts';
import { withTimeout } from '../../core/lib/timeout.ts';
import { PortError } from '../../core/ports/errors.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Random } from './random.ts';
import type { ComponentClock, Scheduler } from './scheduler.ts';
import type { Mutant } from './setting.ts';

interface Written {
  readonly text: string;
  /** Writes take effect in this order, and are seen in it. */
  readonly order: number;
}

export interface ReadCacheDeps {
  readonly scheduler: Scheduler;
  /** The directory's. */
  readonly clock: ComponentClock;
  readonly random: Random;
  readonly storage: Pick<DirectoryStorage, 'unpublished' | 'published'>;
  readonly log: Log;
  readonly mutant: Mutant | undefined;
}

const keyOf = ({ kind, value }: DirectoryRecord): string => `${kind}/${value.id}`;

export class ReadCache {
  /** How long after its effect a write may be seen, in milliseconds. */
  delayMs = 0;
  /** How long a write may take until it has its effect, in milliseconds. */
  writeMs = 0;
  readonly #deps: ReadCacheDeps;
  readonly #publish: ReturnType<typeof publisher>;
  readonly #kept = new Map<string, Written>();
  readonly #seen = new Map<string, Written>();
  /** What was drawn for each record: how far it is behind, as a share of `delayMs`, and how long it takes, as a share of `writeMs`. */
  readonly #shares = new Map<string, { readonly behind: number; readonly takes: number }>();
  #order = 0;

  constructor(deps: ReadCacheDeps) {
    this.#deps = deps;
    const { clock, mutant } = deps;
    const namespace = {
      get: async (key: string) => this.#kept.get(key)?.text ?? null,
      put: (key: string, text: string) => this.#put(key, text),
      delete: () => Promise.reject(new Error('No tenant is removed here.')),
    };
    const hasty: Pick<RouteCache, 'put'> = {
      put: (record) =>
        withTimeout(
          clock,
          KV_LIMITS.writeMs,
          this.#put(keyOf(record), JSON.stringify(record.value)),
          () => new PortError('unavailable', 'It takes too long.'),
        ),
    };
    const cache = mutant === 'late-put' ? hasty : new KvRouteCache({ namespace, clock });
    this.#publish = publisher({ ...deps, cache });
  }

  /** What a router in some place sees. */
  see(key: string): string | undefined {
    return this.#seen.get(key)?.text;
  }

  /** What the last write has left. */
  kept(key: string): string | undefined {
    return this.#kept.get(key)?.text;
  }

  /** Publishes what the directory has changed. */
  changed(records: readonly DirectoryRecord[]): void {
    const { random } = this.#deps;
    for (const record of records) {
      const behind = random.next();
      // From the same draw, so that histories without slow writes are what they were.
      this.#shares.set(JSON.stringify(record.value), { behind, takes: (behind * 997) % 1 });
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    const { nextInMs } = await this.#publish();
    if (nextInMs !== null) this.#deps.clock.wake(nextInMs, () => void this.#run());
  }

  #put(key: string, text: string): Promise<void> {
    const { scheduler } = this.#deps;
    const { behind = 0, takes = 0 } = this.#shares.get(text) ?? {};
    const effect = () => {
      this.#order += 1;
      const written = { text, order: this.#order };
      this.#kept.set(key, written);
      scheduler.after(this.delayMs * behind, () => {
        if ((this.#seen.get(key)?.order ?? 0) < written.order) this.#seen.set(key, written);
      });
    };
    if (this.writeMs === 0) {
      effect();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      scheduler.after(this.writeMs * takes, () => {
        effect();
        resolve();
      });
    });
  }
}
