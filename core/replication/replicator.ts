// Composes the consumer `replicate` from the parts that each cloud provides.
import type { Delays } from '../cell/delays.ts';
import type { TimedFetchDeps } from '../lib/timed-fetch.ts';
import { notedReplication } from '../pipeline/progress.ts';
import type { DeliveryHandler } from '../ports/bus.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { heldAssignments } from './held-assignments.ts';
import { replicaNotes } from './notes.ts';
import { peerClient } from './peer-client.ts';
import { replicaProver } from './replica-proof.ts';
import { replicate } from './replicate.ts';

export interface ReplicatorDeps extends TimedFetchDeps {
  readonly cell: string;
  /** By which it proves who it is. */
  readonly identityKey: PrivateKey;
  /** Public keys of the edge, by which it believes assignments. */
  readonly routeKeys: readonly PublicKey[];
  readonly events: Store;
  readonly state: Store;
  readonly delays: Pick<Delays, 'record' | 'passed'>;
  readonly log: Log;
  readonly telemetry: Telemetry;
}

/** Returns the delivery handler. */
export function replicator(deps: ReplicatorDeps): DeliveryHandler {
  const { cell, identityKey, routeKeys, events, state, delays, clock, log } = deps;
  const notes = replicaNotes(state, clock);
  const handler = replicate({
    cell,
    events,
    assignments: heldAssignments({ cell, state, keys: routeKeys, notes }),
    notes,
    peer: peerClient({ ...deps, prove: replicaProver(identityKey, cell, clock) }),
    delays,
    clock,
    log,
  });
  return notedReplication({ cell, delays }, handler);
}
