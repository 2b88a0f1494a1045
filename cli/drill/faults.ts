// The faults of the drills: how each is injected into the stack, and how all of them are healed.

import type { StackClient } from '../stack-client.ts';
import { type DrillKind, isLoss } from './verdict.ts';

export interface FaultOptions {
  /** The cells of the fault; one, unless a region or a cloud is lost. */
  readonly cells: readonly { readonly id: string; readonly url: string }[];
  /** Additional latency of each request to a slow cell, in milliseconds. */
  readonly delayMs: number;
}

/** Injects the fault; resolves when it is complete. */
export async function breakIt(stack: StackClient, kind: DrillKind, { cells, delayMs }: FaultOptions): Promise<void> {
  const each = <T>(fault: T) => ({ origins: Object.fromEntries(cells.map(({ url }) => [url, fault])) });
  switch (kind) {
    case 'cell-loss':
    case 'region-loss':
    case 'cloud-loss':
      await Promise.all(cells.map(({ id }) => stack.order(`/crash?cell=${id}`)));
      return;
    case 'map-loss':
      // The worse of two kinds of outage: a refused connection is noticed at once.
      return stack.order('/edge-faults', { routeCache: 'silent', objects: { DIRECTORY: 'silent' } });
    case 'slow-cell':
      return stack.order('/edge-faults', each({ delayMs }));
    case 'partition':
      // Packets are dropped; connections are not refused.
      return stack.order('/edge-faults', each('silent'));
  }
}

/** Heals what the drill has broken. Repeating it is harmless. */
export async function healIt(stack: StackClient, kind: DrillKind, { cells }: FaultOptions): Promise<void> {
  if (isLoss(kind)) await Promise.all(cells.map(({ id }) => stack.order(`/revive?cell=${id}`)));
  else await stack.order('/edge-faults', {});
}
