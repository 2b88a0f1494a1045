// Whether what does not answer is lost, or only out of the monitor's sight: judged by failure domains and by what other cells see; pure.
import { type EpochMs, epochMs } from '../../ports/clock.ts';
import { type Cell, failureDomain, isServing } from '../ports/directory-model.ts';

/** What one cell said of another one when the monitor asked it. */
export interface PeerView {
  readonly witness: string;
  readonly about: string;
  /** Whether the witness had an answer from the other cell itself. */
  readonly reached: boolean;
  readonly detail: string;
  readonly at: EpochMs;
}

export const VANTAGE_LIMITS = {
  /** A view counts for so long, in milliseconds: a few rounds. */
  freshMs: 6000,
  /** A witness that has reached no other cell for so long may have no way out itself, in milliseconds. */
  provenMs: 600_000,
} as const;

/** What is remembered of witnesses; both maps hold cells of the directory alone. */
export interface Vantage {
  /** `witness about` → the latest view. */
  readonly views: ReadonlyMap<string, PeerView>;
  /** Witness → when it last reached another cell. */
  readonly provenAt: ReadonlyMap<string, EpochMs>;
}

export const NO_VANTAGE: Vantage = { views: new Map(), provenAt: new Map() };

/** Why a silent cell is not taken for lost. */
export type Doubt =
  /** What is silent points at the monitor's own way to the cells. */
  | 'held'
  /** Another cell reaches it. */
  | 'contradicted';

/** Takes in what witnesses have said, and forgets what is old. */
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
 * Which of the silent cells are not to be failed over, and why. `answering` has every cell that answers the monitor now, also one that
 * is down.
 *
 * - No cell answers: the monitor is blind, and nobody could take over.
 * - One failure domain is silent: it is lost, for whoever comes through the edge at least.
 * - Several domains of one cloud: a cloud is lost, unless a cell outside reaches what the monitor does not.
 * - Several clouds: clouds do not fail together, a monitor's network does. Each silent cell is lost only if a witness says so that has
 *   a way out, and none says otherwise. If no witness can be asked, more than half of the cells must answer.
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
