// A derivation: what documents a derived consumer keeps, as folds that do not depend on the order of events.
import type { CloudEvent } from '../ports/cloud-event.ts';
import type { Json } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';

/**
 * Each event yields a fact; the facts of one minute with the same leaf id fold into a leaf; totals (an hour, a day, everything) are
 * the sum of the leaves below them. The leaves whose ids differ in the minute alone are a series. All documents of a subject are
 * in one partition.
 */
export interface Derivation<Fact, Summary> {
  readonly name: string;
  readonly types: readonly string[];
  /** The partition of a subject's documents in the state collection. Nothing else may be in it: `rebuild` empties it. */
  partition(tenant: string, subject: string): string;
  /** The fact of an event. Pure. Throws for an event that cannot be processed, which is then skipped until the code is fixed. */
  project(event: CloudEvent, position: string): Fact;
  /** The id of a fact's leaf, which ends with `minute`, the event's minute, such as `2026-11-21T07:41`. */
  leafOf(fact: Fact, minute: string): string;
  /** The ids of the totals above a leaf. */
  totalsOf(leafId: string): readonly string[];
  empty(): Summary;
  /** Adds a fact, in place. The order of the facts must not matter. */
  add(summary: Summary, fact: Fact): void;
  /**
   * The total after a leaf below it changed from `before` to `after`, which is later where both say of the same minute what came
   * last. The result must not depend on the order of changes. Without `before` and with leaves in order, it adds them up.
   */
  revise(total: Summary | undefined, before: Summary | undefined, after: Summary): Summary;
  /** A leaf as it is stored, thirty in a document: the shorter, the cheaper. The summary itself by default. */
  pack?(leaf: Summary): Json;
  /** The leaf with this id as `pack` has written it. */
  unpack?(packed: Json, leafId: string): Summary;
  /** Whether leaves are read as well, by `leavesOf`; then the newest ones, too, have a document among them. */
  readonly listsLeaves?: boolean;
  /** Values by key, of which the latest is kept. */
  readonly latest?: LatestValues<Fact>;
  /** Called before the first document of a series is written; must be idempotent. */
  announce?(state: Store, tenant: string, subject: string): Promise<void>;
}

/** A kind of values, of which each key keeps the one with the greatest position. */
export interface LatestValues<Fact> {
  of(fact: Fact): Latest & { readonly key: string };
  /** Maximum number of keys, the ones with the greatest positions. */
  readonly keep: number;
  /** The values in a total of the release that kept them there. */
  inTotal?(total: Json): Iterable<readonly [key: string, latest: Latest]>;
}

export interface Latest {
  /** A place in the log: by time, then by identity. */
  readonly position: string;
  readonly value: Json;
}

/** The series of a fact: the id of its leaves without the minute. */
export function seriesOf<Fact, Summary>(derivation: Derivation<Fact, Summary>, fact: Fact): string {
  return derivation.leafOf(fact, '');
}

const FIRST_MINUTE = '0000-01-01T00:00';
const LAST_MINUTE = '9999-12-31T23:59';

/** The totals that lie above every leaf of a series; its head contains them. */
export function inlineTotals(
  derivation: Pick<Derivation<never, never>, 'totalsOf'>,
  series: string,
): readonly string[] {
  const last = derivation.totalsOf(series + LAST_MINUTE);
  return derivation.totalsOf(series + FIRST_MINUTE).filter((id) => last.includes(id));
}

/** The totals above a leaf that have documents of their own. */
export function ownTotals(
  derivation: Pick<Derivation<never, never>, 'totalsOf'>,
  series: string,
  minute: string,
): readonly string[] {
  const inline = inlineTotals(derivation, series);
  return derivation.totalsOf(series + minute).filter((id) => !inline.includes(id));
}

type Packing<Summary> = Pick<Derivation<never, Summary>, 'pack' | 'unpack'>;

export const packed = <Summary>(derivation: Packing<Summary>, leaf: Summary): Json =>
  derivation.pack === undefined ? (leaf as unknown as Json) : derivation.pack(leaf);

export const unpacked = <Summary>(derivation: Packing<Summary>, json: Json, leafId: string): Summary =>
  derivation.unpack === undefined ? (json as unknown as Summary) : derivation.unpack(json, leafId);
