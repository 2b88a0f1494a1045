// The faults of the drills: how each is brought about in the stack, and how all of them are healed.

import type { StackClient } from '../stack-client.ts';
import type { DrillKind } from './verdict.ts';

export interface FaultOptions {
  /** The cell of the fault. */
  readonly cell: { readonly id: string; readonly url: string };
  /** What each request to a slow cell takes longer, in milliseconds. */
  readonly delayMs: number;
}

/** Brings the fault about; resolves when it is complete. */
export async function breakIt(stack: StackClient, kind: DrillKind, { cell, delayMs }: FaultOptions): Promise<void> {
  switch (kind) {
    case 'cell-loss':
      return stack.order(`/crash?cell=${cell.id}`);
    case 'map-loss':
      // The worse of two ways to be away: whoever is refused knows at once.
      return stack.order('/edge-faults', { routeCache: 'silent', objects: { DIRECTORY: 'silent' } });
    case 'slow-cell':
      return stack.order('/edge-faults', { origins: { [cell.url]: { delayMs } } });
    case 'partition':
      // Packets vanish: nobody says that the connection is refused.
      return stack.order('/edge-faults', { origins: { [cell.url]: 'silent' } });
  }
}

/** Heals what the drill has broken. Repeating it is harmless. */
export async function healIt(stack: StackClient, kind: DrillKind, { cell }: FaultOptions): Promise<void> {
  if (kind === 'cell-loss') await stack.order(`/revive?cell=${cell.id}`);
  else await stack.order('/edge-faults', {});
}
