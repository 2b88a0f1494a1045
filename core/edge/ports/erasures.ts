// Erasures: takes orders to erase events of tenants in all of their cells, keeps them for good, and certifies what is gone.
import type { RefusalCode } from '../../api/refusal.ts';

/**
 * Of one cell. `mark`: it is to get a tombstone. `drain`: what was under way there is to end. `sweep`: what is there is removed. `close`: the
 * subjects that are left are to be remembered again. `done`.
 */
export type ErasureStep = 'mark' | 'drain' | 'sweep' | 'close' | 'done';

/** How far an erasure is in a cell. */
export interface CellErasure {
  readonly step: ErasureStep;
  /** Which sweep is next or under way, from 1. */
  readonly pass: number;
  /** Documents that were removed in all, at least. */
  readonly removed: number;
  /** Consumers whose documents of several subjects cannot be separated: what they keep is still there. */
  readonly kept: readonly string[];
  /** No work before this time, in milliseconds. */
  readonly notBefore: number;
  /** Why it does not get on; `null` if it does. */
  readonly problem: string | null;
}

/** What is certified. The field names are part of the control API; times are RFC 3339. */
export interface Certificate {
  readonly erasure: string;
  readonly tenant: string;
  /** `null`: all subjects. */
  readonly subject: string | null;
  /** Events whose time is not after this are gone, and will be refused. */
  readonly until: string;
  readonly orderedAt: string;
  readonly actor: string;
  readonly reason: string;
  /** When nothing was left in the last cell. */
  readonly erasedAt: string;
  /** Behind the retention of queues and dead letters. */
  readonly certifiedAt: string;
  readonly cells: readonly {
    readonly cell: string;
    readonly removed: number;
    readonly sweeps: number;
    readonly kept: readonly string[];
  }[];
  /** Retired cells, which cannot be asked any more. */
  readonly outOfReach: readonly string[];
  /** When the last backup that may have the events has expired. */
  readonly backupsExpireAt: string;
  /** What is not erased by this. */
  readonly remains: readonly string[];
}

/** `erasing`: some cell has not finished. `erased`: it is nowhere, and queues may still hold it. `certified`: for good. */
export type ErasureState = 'erasing' | 'erased' | 'certified';

/** An erasure as it is kept, and as the control API shows it. Times are in milliseconds, but for `until`. */
export interface Erasure {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string | null;
  readonly until: string;
  readonly actor: string;
  readonly reason: string;
  readonly orderedAt: number;
  readonly state: ErasureState;
  readonly cells: Readonly<Record<string, CellErasure>>;
  /** When nothing was left; `null` before. */
  readonly erasedAt: number | null;
  /** No work before this time. */
  readonly notBefore: number;
  /** Why it does not get on; `null` if it does. */
  readonly problem: string | null;
  readonly certificate: Certificate | null;
  /** The certificate as a compact JWS signed with the edge's key. */
  readonly signed: string | null;
}

/** What is to be erased. */
export interface ErasureOrder {
  readonly tenant: string;
  readonly subject: string | null;
  /** RFC 3339; now without it. */
  readonly until?: string;
  readonly actor: string;
  readonly reason: string;
}

/** What is answered: a value, or why it is refused. */
export type ErasureAnswer<T> = { readonly value: T } | { readonly refused: RefusalCode; readonly detail: string };

/** How many erasures concern a cell, and how many of these it does not know yet. */
export interface CellErasures {
  readonly erasures: number;
  readonly unmarked: number;
}

/** A page of erasures, of one tenant or of all. */
export interface ErasureQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly tenant?: string | undefined;
}

/** Every method may be repeated. They reject with `unavailable` without an answer in time: the order may have been noted. */
export interface Erasures {
  /** Begins an erasure. The same one again is the one under way. With `dryRun` it says what would be done. */
  erase(order: ErasureOrder, dryRun: boolean): Promise<ErasureAnswer<Erasure>>;
  /** One of them; `null` if there is none of this id. */
  erasure(id: string): Promise<Erasure | null>;
  /** Those that are kept, the latest first. */
  erasures(query: ErasureQuery): Promise<{ readonly items: readonly Erasure[]; readonly next: string | null }>;
  /** Has these cells refuse what was erased of the tenant, before they get a copy; how many erasures there are. */
  bringErasures(tenant: string, cells: readonly string[]): Promise<ErasureAnswer<number>>;
  /** How many erasures concern a cell, which must not serve before it knows all of them. */
  cellErasures(cell: string): Promise<CellErasures>;
  /** Has a cell whose store was restored erase again what was erased before; certificates are given anew. */
  replayErasures(cell: string): Promise<CellErasures>;
}
