// What `ingest` needs of a cloud's side: who takes part, where the items go, and what a request costs there.
import type { Context } from '../kit/benchmark.ts';
import type { Column } from '../kit/report.ts';
import type { Round, Shape } from './job.ts';

/** Stores one round's requests, one after the other, as one environment of a function would. */
export type Store = (round: Round) => Promise<void>;

export interface Participant {
  readonly name: string;
  /** For single events, for batches, or for both. */
  readonly takes: 'single' | 'batch' | 'both';
}

export interface Ground<P extends Participant = Participant> {
  readonly participants: readonly P[];
  /** The contender that the others are compared with. */
  readonly baseline: { readonly single: string; readonly batch: string };
  /** Ratios that ours must reach with batches, by the name of the other. */
  readonly targets: Readonly<Record<string, number>>;
  /** Makes an empty place for items. */
  createPlace(name: string): Promise<string>;
  /** Makes a participant ready to write to a place. */
  prepare(participant: P, place: string, context: Context): Promise<Store>;
  /** The items of a place as lines to compare, without what every write draws anew. */
  lines(place: string): Promise<readonly string[]>;
  readonly costs: readonly Column[];
  /** What an event costs, by the keys of `costs`, of requests like these. */
  measureCosts(participant: P, shape: Shape, context: Context): Promise<Readonly<Record<string, number>>>;
}

/** JSON with the members of every object sorted. */
export const inOrder = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
