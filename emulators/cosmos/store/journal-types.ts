// What the store hands to its log about changes, before they are acknowledged.
import type { KeyComponent } from '../hash/epk.ts';
import type { JsonObject } from '../json.ts';
import type { Offer } from './account.ts';

/** One document written or removed by a commit. */
export type CommittedChange =
  | { readonly kind: 'put'; readonly key: readonly KeyComponent[]; readonly sequence: number; readonly text: string }
  | { readonly kind: 'remove'; readonly key: readonly KeyComponent[]; readonly id: string; readonly expired: boolean };

/** One commit: everything in it was applied together. */
export interface Commit {
  readonly container: string;
  /** Last insertion number in use. */
  readonly sequence: number;
  readonly ts: number;
  /** LSN that each touched range reached. */
  readonly lsns: readonly (readonly [range: string, lsn: number])[];
  readonly changes: readonly CommittedChange[];
}

/** Receives commits. */
export interface CommitSink {
  /** Whether records are wanted; without persistence they need not be built. */
  readonly active: boolean;
  committed(commit: Commit): void;
}

/** A change to something other than documents; also the form in which it is stored. */
export type AccountEvent =
  | { readonly t: 'db'; readonly id: string; readonly rid: string; readonly etag: string; readonly ts: number }
  | { readonly t: 'db-'; readonly rid: string }
  | {
      readonly t: 'c';
      readonly db: string;
      readonly rid: string;
      readonly properties: JsonObject;
      readonly etag: string;
      readonly ts: number;
      readonly ranges: number;
    }
  | {
      readonly t: 'c=';
      readonly rid: string;
      readonly properties: JsonObject;
      readonly etag: string;
      readonly ts: number;
    }
  | { readonly t: 'c-'; readonly rid: string }
  | { readonly t: 'o'; readonly offer: Offer }
  | { readonly t: 's'; readonly rid: string; readonly range: string; readonly at: string };

/** Receives every change of an account. */
export interface AccountLog extends CommitSink {
  event(event: AccountEvent): void;
}

/** The log of an emulator without persistence. */
export const NO_LOG: AccountLog = {
  active: false,
  committed: () => undefined,
  event: () => undefined,
};
