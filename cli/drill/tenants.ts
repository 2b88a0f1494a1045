// The tenants of a drill: made in the cells before it, and removed from the directory after it, however it ends.
import type { Cell } from '../../core/edge/ports/directory-model.ts';
import type { EdgeControl } from './control.ts';
import type { DrillKind } from './verdict.ts';

/** Tenants of each other cell: enough to see that nothing happens to them. */
export const BYSTANDERS = 3;

export interface DrillTenant {
  readonly id: string;
  readonly home: string;
  /** One that the directory chooses, if it is undefined. */
  readonly standby: string | undefined;
}

export class DrillTenants {
  readonly #control: Pick<EdgeControl, 'ensureTenant' | 'removeTenant'>;
  readonly #say: (what: string) => void;
  readonly #made: string[] = [];

  constructor(control: Pick<EdgeControl, 'ensureTenant' | 'removeTenant'>, say: (what: string) => void) {
    this.#control = control;
    this.#say = say;
  }

  /** Tenant → home: as many as wanted of each struck cell, and a few of each other one. Rejects when the directory refuses one. */
  async prepare(
    cells: readonly Cell[],
    struck: ReadonlySet<string>,
    { tenants, kind }: { readonly tenants: number; readonly kind: DrillKind },
  ): Promise<ReadonlyMap<string, string>> {
    const homes = new Map<string, string>();
    for (const { id, state } of cells) {
      if (state !== 'active') continue;
      const count = struck.has(id) || kind === 'map-loss' ? tenants : Math.min(BYSTANDERS, tenants);
      for (let index = 1; index <= count; index += 1) homes.set(`drill-${id}-${index}`.slice(0, 63), id);
    }
    // A tenant that is to be served during the loss of several cells needs a standby outside of them.
    const refuge =
      struck.size > 1 ? cells.find(({ id, state }) => !struck.has(id) && state === 'active')?.id : undefined;
    await this.make([...homes].map(([id, home]) => ({ id, home, standby: struck.has(home) ? refuge : undefined })));
    return homes;
  }

  /** Makes these, each with its standby or with one that the directory chooses. */
  async make(tenants: readonly DrillTenant[]): Promise<void> {
    for (const { id, home, standby } of tenants) {
      // Before the call: its answer may be lost.
      this.#made.push(id);
      await this.#control.ensureTenant(id, home, standby);
    }
    this.#say(`${tenants.length} tenants, drill-…, in ${new Set(tenants.map(({ home }) => home)).size} cells`);
  }

  /** Removes those that `prepare` made or found. Never rejects: what stays in the directory is said. */
  async remove(): Promise<void> {
    while (this.#made.length > 0) {
      try {
        await this.#control.removeTenant(this.#made[0] ?? '');
      } catch (error) {
        this.#say(
          `${this.#made.length} tenants stay in the directory, from ${this.#made[0]} on: ${(error as Error).message} Remove each with npx polycell tenants remove TENANT --keep-data`,
        );
        return;
      }
      this.#made.shift();
    }
  }
}
