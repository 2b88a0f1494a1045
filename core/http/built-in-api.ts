// The HTTP API of a cell with the built-in domain, put together from what each cloud brings: stores, keys, time and a log.
import { epochGuard } from '../cell/epoch-guard.ts';
import { cellHealth } from '../cell/health.ts';
import type { CellIdentity } from '../cell/identity.ts';
import { peerProbe } from '../cell/peer-probe.ts';
import { type PublicKey, routeTokenVerifier } from '../cell/route-token.ts';
import { topology } from '../cell/topology.ts';
import { telemetryQueries } from '../domains/telemetry/queries.ts';
import { validators } from '../domains/telemetry/validators.generated.mjs';
import { SchemaRegistry } from '../events/registry.ts';
import type { Fetch } from '../lib/timed-fetch.ts';
import { ingest } from '../pipeline/ingest.ts';
import { parking, RELAY } from '../pipeline/parking.ts';
import { redrive } from '../pipeline/redrive.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { ApiRequest } from './call.ts';
import { createCellApi } from './cell-api.ts';

export interface BuiltInApiDeps {
  readonly cell: CellIdentity;
  /** Public keys of the edge: one, or two while they are being changed. */
  readonly routeKeys: readonly PublicKey[];
  readonly events: Store;
  readonly state: Store;
  /** Reaches other cells; the platform's `fetch`. */
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** Returns the API; made once for each start, as it remembers verified tokens and epochs. */
export function builtInApi(deps: BuiltInApiDeps): (request: ApiRequest) => Promise<Response> {
  const { cell, routeKeys, events, state, fetch, clock, ids, log } = deps;
  return createCellApi({
    cell,
    consumers: [...topology.consumers.map(({ name }) => name), RELAY],
    verifyRouteToken: routeTokenVerifier({ keys: routeKeys, cell: cell.id, clock }),
    guardEpoch: epochGuard(state),
    ingest: ingest({ events, registry: new SchemaRegistry(validators), clock, ids }),
    queries: telemetryQueries({ events, state }),
    parking: parking({ state, clock }),
    redrive: redrive({ events, state, clock }),
    health: cellHealth({ state, clock, cell: cell.id }),
    probePeer: peerProbe({ fetch, clock }),
    ids,
    log,
  });
}
