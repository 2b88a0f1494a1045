// What the kinds of drills about copies of data have in common: how they are ordered, and what each works with.
import type { Cell } from '../../core/edge/ports/directory-model.ts';
import type { Step } from '../../core/edge/ports/mover.ts';
import type { StackClient } from '../stack-client.ts';
import type { EdgeControl } from './control.ts';
import type { DataDrill, DataMeasured } from './data-verdict.ts';
import type { Mark } from './report.ts';
import type { LoadedScene } from './scene.ts';
import type { Phase } from './service.ts';

export interface DataDrillOptions {
  readonly kind: DataDrill;
  /** The cell that the drill is about: the source of a move, the home that is failed over, the standby that is lost, the first to be hostile. */
  readonly cell: string | undefined;
  /** The tenants' other cell; the first that fits if it is undefined. */
  readonly other: string | undefined;
  /** Events a second, in requests of `batch`. */
  readonly rate: number;
  readonly batch: number;
  /** How long the outage lasts, or the load at the standby, in seconds. */
  readonly seconds: number;
  readonly tenants: number;
  /** Moves: the step that is waited for, whether they are reversed then, and whether the target is killed meanwhile. */
  readonly until: Extract<Step, 'fenced' | 'verified'>;
  readonly reverse: boolean;
  readonly kill: boolean;
  readonly say: (what: string) => void;
  /** Aborts the drill: it heals what it has broken, and rejects. */
  readonly signal: AbortSignal;
}

/** What a kind of drill works with while the load runs. */
export interface Act {
  readonly stack: StackClient;
  readonly control: EdgeControl;
  readonly scene: LoadedScene;
  readonly options: DataDrillOptions;
  /** The cell that the drill is about, and the tenants' other one. */
  readonly cell: Cell;
  readonly other: Cell;
  /** The tenants that the drill is about, not their neighbours. */
  readonly tenants: readonly string[];
  readonly signal: AbortSignal;
  note(what: string, mark?: Mark): void;
  /** Begins another phase of the load. */
  phase(phase: Phase): void;
  /** Looks through the edge for everything that was acknowledged until now. */
  look(name: string): Promise<void>;
  /** Adds a figure to the report. */
  fact(what: string, value: string): void;
  /** Does this when the drill ends, however it ends, last things first; it may be repeated. */
  finally(undo: () => Promise<void>): void;
}

/** What a kind of drill does between the load's beginning and its end. */
export interface Kind {
  /** Whether the tenants' home is the cell that the drill is about, or its standby is. */
  readonly isHome: boolean;
  /** Whether the cell serves no neighbours: it is lost, or failed over with all of its tenants. */
  readonly without: (options: DataDrillOptions) => 'cell' | 'other' | undefined;
  /** Whether the other cell is the standby from the beginning. */
  readonly isPaired: boolean;
  /** Names of the phases in the report. */
  readonly phases: Readonly<Record<Phase, string>>;
  readonly carryOut: (act: Act) => Promise<Partial<DataMeasured>>;
}
