// What a whole cell is to the end-to-end suites, whichever cloud's it is.

import type { Scope } from '../../core/cell/route-token.ts';
import type { PublicKey } from '../../core/ports/keys.ts';
import type { Store } from '../../core/ports/store.ts';

export interface TokenOptions {
  readonly scopes?: readonly Scope[];
  readonly epoch?: number;
  readonly cell?: string;
  /** That of the cell unless given. */
  readonly endpoint?: string;
  readonly lifeSeconds?: number;
}

/** Releases of the consumers' code: the real one, or one that handles marked readings badly (test/support/faulty.ts). */
export type Release = 'healthy' | 'faulty';

/** A running cell as its clients see it. */
export interface ServedCell {
  readonly id: string;
  readonly url: string;
  /** By which it proves its identity. */
  readonly identity: PublicKey;
  token(tenant: string, options?: TokenOptions): Promise<string>;
  close(): Promise<void>;
}

/** A running cell and the faults that can be put into it. */
export interface CellHarness extends ServedCell {
  /** Puts another release of all consumers in place. */
  release(release: Release): Promise<void>;
  /** Kills the processes that run a consumer, at once. Resolves with their number. */
  killWorkers(): Promise<number>;
  /** The cell's state, to look into it and to damage it. */
  readonly state: Store;
  readonly store: FaultyService;
  readonly bus: FaultyService;
  /** The relay's process ends after it has published and before the stream hears of it, the next `times` times. */
  crashRelayAfterPublish(times: number): void;
  /** Messages in the clouds' own dead-letter queues. */
  deadLetters(): Promise<number>;
}

/** A service of the cloud, between it and the cell a proxy that can go wrong. */
export interface FaultyService {
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
  /** The next `calls` calls are refused as too many. */
  throttle(calls: number): void;
  /** Of the next `calls` batches, some entries fail though others succeed. */
  failSomeEntries(calls: number): void;
  /** The next `calls` writes happen, but their answers do not arrive. */
  loseAnswers(calls: number): void;
  /** Writes wait until the returned function is called; the promise resolves when one is waiting. */
  holdWrites(): { readonly waiting: Promise<void>; release(): void };
}
