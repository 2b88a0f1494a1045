// Decides whether a silent cell is lost or only unreachable for the monitor, from failure domains and the views of other cells; pure.
import { type EpochMs, epochMs } from '../../ports/clock.ts';
import { type Cell, failureDomain, isServing } from '../ports/directory-model.ts';

/** One cell's view of another, as it answered the monitor. */
export interface PeerView {
  readonly witness: string;
  readonly about: string;
  /** Whether the witness received an answer from the other cell. */
  readonly reached: boolean;
  readonly detail: string;
  readonly at: EpochMs;
}

export const VANTAGE_LIMITS = {
  /** How long a view counts, in milliseconds: a few rounds. */
  freshMs: 6000,
  /** A witness that has reached no other cell for this long may lack outbound connectivity itself, in milliseconds. */
  provenMs: 600_000,
  /** A witness is asked again for a proof of that after this long, in milliseconds. */
  renewMs: 60_000,
} as const;

/** What is remembered of witnesses; both maps hold only cells of the directory. */
export interface Vantage {
  /** `witness about` → the latest view. */
  readonly views: ReadonlyMap<string, PeerView>;
  /** Witness → when it last reached another cell. */
  readonly provenAt: ReadonlyMap<string, EpochMs>;
}

export const NO_VANTAGE: Vantage = { views: new Map(), provenAt: new Map() };

/** Why a silent cell is not considered lost. */
export type Doubt =
  /** The set of silent cells points to the monitor's own network path. */
  | 'held'
  /** Another cell reaches it. */
  | 'contradicted';

/** Adds the views of witnesses, and drops old ones. */
export function withViews({ views, provenAt }: Vantage, news: readonly PeerView[], now: EpochMs): Vantage {
  const fresh = new Map([...views].filter(([, { at }]) => Math.abs(now - at) < VANTAGE_LIMITS.freshMs));
  const proven = new Map([...provenAt].filter(([, at]) => Math.abs(now - at) < VANTAGE_LIMITS.provenMs));
  for (const view of news) {
    fresh.set(`${view.witness} ${view.about}`, view);
    if (view.reached) proven.set(view.witness, epochMs(view.at));
  }
  return { views: fresh, provenAt: proven };
}

/**
 * The silent cells that must not be failed over, and why. `answering` holds every cell that answers the monitor now, including those
 * that are down.
 *
 * - No cell answers: the monitor is blind, and no cell could take over.
 * - One failure domain is silent: it is lost, at least for clients that come through the edge.
 * - Several domains of one cloud: the cloud is lost, unless a cell outside reaches what the monitor does not.
 * - Several clouds: clouds do not fail together, but a monitor's network can. A silent cell is lost only if a witness with outbound
 *   connectivity confirms it and none contradicts. If no witness can be asked, more than half of the cells must answer.
 */
export function doubts(
  cells: readonly Cell[],
  silent: ReadonlySet<string>,
  answering: ReadonlySet<string>,
  { views, provenAt }: Vantage,
): ReadonlyMap<string, Doubt> {
  const lost = cells.filter((cell) => isServing(cell) && silent.has(cell.id));
  const all = (doubt: Doubt) => new Map(lost.map(({ id }) => [id, doubt]));
  if (answering.size === 0) return all('held');
  if (new Set(lost.map(failureDomain)).size <= 1) return new Map();
  const said = (about: string) =>
    [...views.values()].filter((view) => view.about === about && answering.has(view.witness));
  const found = new Map<string, Doubt>();
  const isOneCloud = new Set(lost.map(({ cloud }) => cloud)).size === 1;
  const serving = cells.filter((cell) => isServing(cell) && (silent.has(cell.id) || answering.has(cell.id)));
  const isMinority = lost.length * 2 <= serving.length;
  for (const { id } of lost) {
    const views = said(id);
    if (views.some(({ reached }) => reached)) found.set(id, 'contradicted');
    else if (isOneCloud) continue;
    else if (views.length === 0 ? !isMinority : !views.some(({ witness }) => provenAt.has(witness)))
      found.set(id, 'held');
  }
  return found;
}
