// What the stack needs of a cell, whichever cloud's it is.
import type { Cloud } from '../core/cell/identity.ts';
import type { PrivateKey, PublicKey } from '../core/ports/keys.ts';
import type { Store } from '../core/ports/store.ts';

/** A noteworthy event, for the developer. */
export interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  /** The part of the stack that it comes from: `aws-alpha relay`. */
  readonly part: string;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface ConsumerStatus {
  readonly name: string;
  /** Messages waiting or in work. */
  readonly backlog: number;
  /** Messages in the cloud's dead-letter queue. */
  readonly deadLetters: number;
  /** Parked events of all tenants. */
  readonly parked: number;
  /** Whether there are more parked events than were counted. */
  readonly more: boolean;
}

/** The keys of a cell, which can be replaced while it runs. */
export interface CellKeys {
  /** The edge's public keys: one, or two during a rotation. */
  readonly routeKeys: readonly PublicKey[];
  /** By which the cell proves its identity. */
  readonly identityKey: PrivateKey;
}

/** The two collections of a cell, past its functions: what an administrator of its account reaches. */
export interface CellStores {
  readonly events: Store;
  readonly state: Store;
}

export interface LocalCell {
  readonly id: string;
  readonly cloud: Cloud;
  readonly region: string;
  /** Of its HTTP API; empty before `start`. */
  readonly url: string;
  /** By which it proves its identity. */
  readonly identityKey: PrivateKey;
  /** Its collections; throws before `start`. Those of a lost cell can be read while its store lives on. */
  readonly stores: CellStores;
  start(): Promise<void>;
  /**
   * Runs rebuilt bundles, and keeps the state.
   * @param roles of the bundles: `http`, `relay`, `worker`
   * @returns what has been restarted, such as `aws-alpha/http`; a lost cell takes the bundles when it is revived
   * @throws Error if one does not start; the old one then continues
   */
  replaceBundles(roles: ReadonlySet<string>): Promise<readonly string[]>;
  /** Starts processes ahead for the next `replaceBundles`, where functions run whose packages are linked apart; resolves before they are ready. */
  keepSpares(): Promise<void>;
  /** Has the cell go by other keys, and serves meanwhile; a lost cell takes them when it is revived. */
  replaceKeys(keys: Partial<CellKeys>): Promise<void>;
  stop(): Promise<void>;
  consumers(): Promise<readonly ConsumerStatus[]>;
  /** Whether it is lost. */
  readonly crashed: boolean;
  /** Crashes the cell; each cell documents what remains. Repeating it is harmless. */
  crash(): Promise<void>;
  /** Revives the cell at the same address, with its stored data. Repeating it is harmless. */
  revive(): Promise<void>;
}

/** Parked events counted exactly; beyond it the status says `more`. */
export const COUNTED_PARKED = 1000;

/** A function's log line as a notice: our own lines are JSON with a level, anything else comes from `console.log`. */
export function toNotice(part: string, line: string): Notice {
  try {
    const {
      level,
      message,
      time: _time,
      ...fields
    } = JSON.parse(line) as { level?: unknown; message?: unknown; time?: unknown };
    if ((level === 'info' || level === 'warn' || level === 'error') && typeof message === 'string')
      return { level, part, message, fields };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { level: 'info', part, message: line };
}
