// What an adapter's test provides so that the change stream's clauses can be run against it, and a tape of what came.
import type { ChangeHandler, ChangeOutcome, ChangeRecord } from '../../../core/ports/change-stream.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { Json } from '../../../core/ports/json.ts';
import type { Store } from '../../../core/ports/store.ts';
import type { HastyClock } from '../../support/fake-clock.ts';
import type { Clause } from '../contract.ts';
import { Watched } from '../watched.ts';

export interface ChangeStreamHarness {
  /** A checked store without documents, whose changes are streamed. */
  readonly store: Store;
  readonly clock: HastyClock;
  /** The clock that commits are stamped by. */
  readonly commits: Pick<Clock, 'now'>;
  /** Records in a batch, at most. */
  readonly batchSize: number;
  /** Begins to deliver, from the first record that has not been handled yet. */
  start(handler: ChangeHandler): void;
  /** Stops delivering. */
  stop(): Promise<void>;
  /** What the platform leaves open. */
  readonly quirks: {
    /** Every write is delivered, and not only the latest of a burst. */
    readonly everyWrite: boolean;
    /** The first write of a document is distinguished from later ones. */
    readonly tellsInserts: boolean;
  };
  /** For platforms that reach the stream over a network. */
  readonly faults?: { disconnect(): Promise<void>; heal(): Promise<void> };
  close(): Promise<void>;
}

export type ChangeStreamClause = Clause<ChangeStreamHarness>;

interface Delivery {
  readonly records: readonly ChangeRecord[];
  /** What the handler answered; `thrown` if it threw. */
  readonly outcome: ChangeOutcome | 'thrown';
}

/** Keeps every batch with its answer. `answer` is asked for each batch; it may throw. */
export class Tape extends Watched<Delivery> {
  readonly #answer: (records: readonly ChangeRecord[], batches: number) => ChangeOutcome;

  constructor(
    answer: (records: readonly ChangeRecord[], batches: number) => ChangeOutcome = () => ({ status: 'done' }),
  ) {
    super();
    this.#answer = answer;
  }

  readonly handler: ChangeHandler = async (records) => {
    let outcome: ChangeOutcome;
    try {
      outcome = this.#answer(records, this.seen.length);
    } catch (error) {
      this.add({ records, outcome: 'thrown' });
      throw error;
    }
    this.add({ records, outcome });
    return outcome;
  };

  /** All records as they came, repetitions included. */
  get records(): ChangeRecord[] {
    return this.seen.flatMap(({ records }) => records);
  }

  /** Those that the handler has dealt with: a batch that was done, or its part before the failure. */
  get dealtWith(): ChangeRecord[] {
    return this.seen.flatMap(({ records, outcome }) => {
      if (outcome === 'thrown') return [];
      return outcome.status === 'done' ? records : records.slice(0, outcome.failedAt);
    });
  }

  untilDealtWith(condition: (records: readonly ChangeRecord[]) => boolean): Promise<void> {
    return this.until(() => condition(this.dealtWith));
  }

  /** Resolves once all these documents have been dealt with in their latest state. */
  untilLatest(latest: Readonly<Record<string, Json>>): Promise<void> {
    return this.untilDealtWith((records) =>
      Object.entries(latest).every(([id, body]) => records.some((each) => each.id === id && each.body === body)),
    );
  }
}

/** The bodies of a document's records, without repetitions, in the order of their first coming. */
export function bodiesOf(records: readonly ChangeRecord[], id: string): Json[] {
  const bySequence = new Map(records.filter((each) => each.id === id).map(({ sequence, body }) => [sequence, body]));
  return [...bySequence.values()];
}
