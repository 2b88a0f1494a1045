// The operations of the API: lists, redrives and drops events that a consumer could not process, and derives state again.

import type { View } from '../api/read.ts';
import { Refusal } from '../api/refusal.ts';
import type { Static } from '../api/schema.ts';
import type { Leases } from '../cell/lease-keeper.ts';
import { CELL_TOPOLOGY, REPLICATE } from '../cell/topology.ts';
import { type Application, topologyOf } from '../domain/application.ts';
import { schemaFault } from '../events/registry.ts';
import { parseTime } from '../events/time.ts';
import { cutUtf8 } from '../lib/text.ts';
import { type ParkedEvent, type Parking, RELAY, withoutContent } from '../pipeline/parking.ts';
import type { RebuildCommand, RebuildProgress } from '../pipeline/rebuild.ts';
import type { RedriveCommand, RedriveSummary } from '../pipeline/redrive.ts';
import type { StoreCursor } from '../ports/store.ts';
import type { Rebuild, Redrive } from './bodies.ts';
import { parseJson, readBody } from './body.ts';
import { json, noContent, type RouteHandler } from './call.ts';
import { readParameters } from './parameters.ts';
import { pageResponse } from './reads.ts';
import { routes } from './routes.ts';
import { validators } from './validators.generated.ts';

/** Maximum bytes of a body: more than enough for a hundred ids. */
const BODY_BYTES = 64 * 1024;

/** An operation ends with its function. */
const OPERATION_MS = CELL_TOPOLOGY.http.timeoutSeconds * 1000;

/** Retry-After while the cell has no lease, in seconds. */
const LEASE_RETRY_SECONDS = 5;

/** Returns the handlers of the operations. */
export function operations({
  parking,
  redrive,
  rebuild,
  application,
  leases,
  dropping,
}: {
  parking: Parking;
  redrive: (command: RedriveCommand) => Promise<RedriveSummary>;
  rebuild: (command: RebuildCommand) => Promise<RebuildProgress>;
  application: Application;
  leases?: Leases | undefined;
  dropping: (parked: ParkedEvent) => Promise<void>;
}): Record<'parked' | 'redrive' | 'rebuild' | 'drop', RouteHandler> {
  const { consumers: rows } = topologyOf(application);
  const declared = rows.map(({ name }) => name);
  const consumers = [...declared, RELAY];

  const known = (consumer: string): string => {
    if (!consumers.includes(consumer))
      throw new Refusal(
        'unknown_consumer',
        `There is no consumer ${JSON.stringify(cutUtf8(consumer, 64))}; there are ${consumers.join(', ')}.`,
      );
    return consumer;
  };

  /** What another cell may be doing as well must not be done here: neither is a merge. */
  const requireLease = async (tenant: string): Promise<void> => {
    await leases?.obtain([tenant]);
    const reason = leases?.hindrance(tenant, OPERATION_MS);
    if (reason === undefined) return;
    throw new Refusal('no_lease', `Only the cell with the tenant’s lease may do this: ${reason}.`, {
      retryAfterSeconds: LEASE_RETRY_SECONDS,
    });
  };

  /** Lists one consumer after another; the cursor holds the consumer and the position. */
  const listAll = async (
    tenant: string,
    limit: number,
    cursor: StoreCursor | undefined,
  ): Promise<View<ParkedEvent>> => {
    const [at = '0', ...inner] = (cursor ?? '0').split(':');
    let index = Number(at);
    const consumer = consumers[index];
    if (consumer === undefined) throw new Refusal('invalid_cursor', 'The cursor points behind the last consumer.');
    const page = await parking.list(
      consumer,
      tenant,
      limit,
      inner.length === 0 ? undefined : (inner.join(':') as StoreCursor),
    );
    if (page.next !== undefined) return { items: page.items, next: `${index}:${page.next}` as StoreCursor };
    index += 1;
    return index < consumers.length ? { items: page.items, next: String(index) as StoreCursor } : { items: page.items };
  };

  return {
    parked: async (call) => {
      const values = readParameters(routes.parked.parameters, call.query);
      const consumer = values.consumer === undefined ? undefined : known(values.consumer);
      const mayRead = call.scopes.includes('read');
      return pageResponse(call, 'parked', values, async ({ limit, cursor }) => {
        const page =
          consumer === undefined
            ? await listAll(call.tenant, limit, cursor)
            : await parking.list(consumer, call.tenant, limit, cursor);
        return mayRead ? page : { ...page, items: page.items.map(withoutContent) };
      });
    },

    redrive: async ({ request, query, tenant }) => {
      readParameters(routes.redrive.parameters, query);
      const body = parseJson(await readBody(request, BODY_BYTES));
      const fault = schemaFault(validators.Redrive, body, 'body');
      if (fault !== undefined)
        throw new Refusal('invalid_body', `Send {"consumer": "…", "ids"?: ["…"]}: the ${fault.detail}.`);
      const { consumer, ids } = body as Static<typeof Redrive>;
      known(consumer);
      await requireLease(tenant);
      return json(200, await redrive({ consumer, tenant, ids }));
    },

    rebuild: async ({ request, query, tenant }) => {
      readParameters(routes.rebuild.parameters, query);
      const body = parseJson(await readBody(request, BODY_BYTES));
      const fault = schemaFault(validators.Rebuild, body, 'body');
      if (fault !== undefined)
        throw new Refusal('invalid_body', `Send {"consumer": "…", "from"?: "…"}: the ${fault.detail}.`);
      const { consumer, from: text, restart } = body as Static<typeof Rebuild>;
      // They keep nothing.
      if (consumer === RELAY || consumer === REPLICATE)
        throw new Refusal(
          'unknown_consumer',
          `There are: ${declared.filter((name) => name !== REPLICATE).join(', ')}.`,
        );
      const from = text === undefined ? undefined : parseTime(text)?.sortKey;
      if (text !== undefined && from === undefined)
        throw new Refusal('invalid_body', 'The member from must be an RFC 3339 time such as 2026-11-21T07:41:03Z.');
      known(consumer);
      const isOnce = rows.some(({ name, effects }) => name === consumer && effects === 'home-only');
      if (isOnce) await requireLease(tenant);
      return json(200, await rebuild({ consumer, tenant, from, restart }));
    },

    drop: async ({ id, query, tenant }) => {
      readParameters(routes.drop.parameters, query);
      await requireLease(tenant);
      if (!(await parking.drop(id, tenant, dropping)))
        throw new Refusal('unknown_parked_event', 'It may have been redriven or dropped before.');
      return noContent();
    },
  };
}
