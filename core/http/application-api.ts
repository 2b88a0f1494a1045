// The HTTP API of a cell that runs an application, put together from what each cloud brings: stores, keys, time and a log.
import { epochGuard } from '../cell/epoch-guard.ts';
import { cellHealth } from '../cell/health.ts';
import type { CellIdentity } from '../cell/identity.ts';
import { peerProbe } from '../cell/peer-probe.ts';
import { type PublicKey, routeTokenVerifier } from '../cell/route-token.ts';
import { type Application, registryOf } from '../domain/application.ts';
import type { Fetch } from '../lib/timed-fetch.ts';
import { ingest } from '../pipeline/ingest.ts';
import { parking } from '../pipeline/parking.ts';
import { redrive } from '../pipeline/redrive.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import type { ApiRequest } from './call.ts';
import { createCellApi } from './cell-api.ts';

export interface ApplicationApiDeps {
  readonly application: Application;
  /** Its OpenAPI document, as `npm run generate` writes it. */
  readonly document: unknown;
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
export function applicationApi(deps: ApplicationApiDeps): (request: ApiRequest) => Promise<Response> {
  const { application, document, cell, routeKeys, events, state, fetch, clock, ids, log } = deps;
  return createCellApi({
    cell,
    application,
    document,
    verifyRouteToken: routeTokenVerifier({ keys: routeKeys, cell: cell.id, clock }),
    guardEpoch: epochGuard(state),
    ingest: ingest({ events, registry: registryOf(application), clock, ids }),
    stores: { events, state },
    parking: parking({ state, clock }),
    redrive: redrive({ events, state, clock }),
    health: cellHealth({ state, clock, cell: cell.id }),
    probePeer: peerProbe({ fetch, clock }),
    ids,
    log,
  });
}
