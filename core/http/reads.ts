// The reads of the API: devices, readings, rollups and alerts, of the caller's tenant alone.

import type { TelemetryQueries, View } from '../domains/telemetry/queries.ts';
import { isSubject } from '../events/accept.ts';
import { isPortError } from '../ports/errors.ts';
import type { StoreCursor } from '../ports/store.ts';
import { type Call, json, type RouteHandler } from './call.ts';
import { openCursor, sealCursor } from './cursor.ts';
import { readParameters } from './parameters.ts';
import { Problem } from './problem.ts';
import { type RouteName, routes } from './routes.ts';

/**
 * Answers a page. Its cursor is bound to the route, the tenant, the device and all parameters but `limit`, and refused with
 * `invalid_cursor` elsewhere.
 */
export async function pageResponse<V extends { limit: number; cursor?: string | undefined }>(
  call: Call,
  route: RouteName,
  values: V,
  load: (page: { limit: number; cursor: StoreCursor | undefined }) => Promise<View<unknown>>,
): Promise<Response> {
  const { limit, cursor, ...rest } = values;
  const query = [call.tenant, route, call.id, rest];
  const { items, next } = await load({ limit, cursor: openCursor(query, cursor) }).catch((error: unknown) => {
    // Who forges what is inside a cursor is refused by the store.
    if (cursor !== undefined && isPortError(error, 'invalid')) throw new Problem('invalid_cursor', error.message);
    throw error;
  });
  return json(200, { items, next: next === undefined ? null : sealCursor(query, next) });
}

/** Returns the handlers of the reads. */
export function reads({
  queries,
}: {
  queries: TelemetryQueries;
}): Record<'devices' | 'device' | 'readings' | 'rollups' | 'alerts', RouteHandler> {
  /** Readings and rollups exist for known devices only; the look-up is made when a page comes out empty. */
  const ofDevice = async (call: Call, view: View<unknown>): Promise<View<unknown>> => {
    if (view.items.length === 0 && view.next === undefined && !(await isKnown(call))) throw unknownDevice(call);
    return view;
  };

  const isKnown = async ({ tenant, id }: Call): Promise<boolean> =>
    (await queries.device(tenant, id)) !== undefined ||
    (await queries.readings(tenant, id, { limit: 1, order: 'asc' })).items.length > 0;

  const unknownDevice = ({ id }: Call) =>
    new Problem('unknown_device', `No reading has come from a device ${JSON.stringify(id.slice(0, 128))}.`);

  /** An id that no device can have is refused here: the store does not take it. */
  const checked = (call: Call): Call => {
    if (!isSubject(call.id)) throw unknownDevice(call);
    return call;
  };

  return {
    devices: async (call) => {
      const values = readParameters(routes.devices.parameters, call.query);
      return pageResponse(call, 'devices', values, (page) => queries.devices(call.tenant, page));
    },

    device: async (call) => {
      readParameters(routes.device.parameters, call.query);
      const { tenant, id } = checked(call);
      const device = await queries.device(tenant, id);
      if (device === undefined) throw unknownDevice(call);
      return json(200, device);
    },

    readings: async (call) => {
      const values = readParameters(routes.readings.parameters, call.query);
      const { tenant, id } = checked(call);
      return pageResponse(call, 'readings', values, async ({ limit, cursor }) =>
        ofDevice(call, await queries.readings(tenant, id, { ...values, limit, cursor })),
      );
    },

    rollups: async (call) => {
      const values = readParameters(routes.rollups.parameters, call.query);
      const { tenant, id } = checked(call);
      return pageResponse(call, 'rollups', values, async ({ limit, cursor }) =>
        ofDevice(call, await queries.rollups(tenant, id, { ...values, limit, cursor })),
      );
    },

    // No consumer raises alerts yet, so there are none: an empty page is the truth.
    alerts: async (call) => {
      const values = readParameters(routes.alerts.parameters, call.query);
      return pageResponse(call, 'alerts', values, async () => ({ items: [] }));
    },
  };
}
