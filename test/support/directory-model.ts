// A model of the directory that shares nothing with it: which cell serves which tenant, by the history alone, and which epochs each cell has served.
import type { CellDefinition, DirectoryCommand } from '../../core/edge/ports/directory-model.ts';

interface ModelCell {
  readonly definition: CellDefinition;
  state: 'active' | 'draining' | 'down' | 'retired';
}

interface ModelTenant {
  home: string;
  standby: string | null;
  residency: string;
}

/** What a record in the directory says of a tenant and of its cells. */
export interface Seen {
  readonly home: string;
  readonly standby: string | null;
}

export class DirectoryModel {
  readonly cells = new Map<string, ModelCell>();
  readonly tenants = new Map<string, ModelTenant>();

  /** Notes a command that was applied; `seen` says what placement has chosen, which `check` holds against the rules. */
  apply(command: DirectoryCommand, seen: (tenant: string) => Seen): void {
    switch (command.kind) {
      case 'add-cell': {
        const known = this.cells.get(command.cell.id);
        this.cells.set(command.cell.id, { definition: command.cell, state: known?.state ?? 'active' });
        break;
      }
      case 'drain-cell':
        this.#cell(command.cell).state = 'draining';
        break;
      case 'resume-cell':
        this.#cell(command.cell).state = 'active';
        break;
      case 'retire-cell':
        this.#cell(command.cell).state = 'retired';
        break;
      case 'fail-over':
        this.#wasDraining.set(command.cell, this.#cell(command.cell).state === 'draining');
        this.#cell(command.cell).state = 'down';
        break;
      case 'fail-back':
        this.#cell(command.cell).state = this.#wasDraining.get(command.cell) ? 'draining' : 'active';
        break;
      case 'add-tenant':
        this.tenants.set(command.tenant, { ...seen(command.tenant), residency: command.residency });
        break;
      case 'place-tenant':
      case 'swap-tenant':
        Object.assign(this.#tenant(command.tenant), seen(command.tenant));
        break;
      case 'remove-tenant':
        this.tenants.delete(command.tenant);
        break;
      case 'pin-tenant':
      case 'isolate-tenant':
      case 'set-standby-mode':
      case 'erase-data':
        break;
    }
  }

  readonly #wasDraining = new Map<string, boolean>();

  /** The cell that answers for a tenant. */
  server(tenant: string): string | null {
    const { home, standby } = this.#tenant(tenant);
    for (const id of [home, standby]) {
      const state = id === null ? 'down' : this.#cell(id).state;
      if (state === 'active' || state === 'draining') return id;
    }
    return null;
  }

  /** Who serves every tenant. */
  servers(): Map<string, string | null> {
    return new Map([...this.tenants.keys()].map((id) => [id, this.server(id)]));
  }

  /** Every rule that the map breaks now, in words. */
  faults(): string[] {
    const faults: string[] = [];
    for (const [id, { home, standby, residency }] of this.tenants) {
      for (const each of [home, standby]) {
        if (each === null) continue;
        const { definition, state } = this.#cell(each);
        if (state === 'retired') faults.push(`${id} is in ${each}, which is retired`);
        if (residency !== 'any' && definition.jurisdiction !== residency)
          faults.push(`${id} has left ${residency} for ${each}`);
      }
      if (standby === null) continue;
      const [a, b] = [this.#cell(home).definition, this.#cell(standby).definition];
      if (a.cloud === b.cloud && a.region === b.region)
        faults.push(`${home} and ${standby} of ${id} are lost together`);
    }
    return faults;
  }

  homesOf(cell: string): number {
    return [...this.tenants.values()].filter(({ home }) => home === cell).length;
  }

  #cell(id: string): ModelCell {
    const cell = this.cells.get(id);
    if (cell === undefined) throw new Error(`The model knows no cell ${id}.`);
    return cell;
  }

  #tenant(id: string): ModelTenant {
    const tenant = this.tenants.get(id);
    if (tenant === undefined) throw new Error(`The model knows no tenant ${id}.`);
    return tenant;
  }
}
