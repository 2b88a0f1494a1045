// The reads of the telemetry domain: devices, readings, rollups and alerts.
import { choice, text, time } from '../../api/parameters.ts';
import { itemRead, pageRead, type View } from '../../api/read.ts';
import { type TelemetryQueries, telemetryQueries } from './queries.ts';
import { Alert, Device, Reading, Rollup } from './schemas.ts';

const metric = text('The metric; all metrics by default.');
const from = time('From this time on, inclusive.');
const to = time('Up to this time, exclusive.');

const unknownDevice = {
  code: 'unknown_device',
  detail: (id: string) => `No reading has come from a device ${JSON.stringify(id.slice(0, 128))}.`,
} as const;

/** Readings and rollups exist for known devices only; the look-up is made when a page comes out empty. */
async function ofKnownDevice<T>(
  queries: TelemetryQueries,
  tenant: string,
  id: string,
  view: View<T>,
): Promise<View<T> | undefined> {
  if (view.items.length > 0 || view.next !== undefined) return view;
  const isKnown =
    (await queries.device(tenant, id)) !== undefined ||
    (await queries.readings(tenant, id, { limit: 1, order: 'asc' })).items.length > 0;
  return isKnown ? view : undefined;
}

export const reads = [
  pageRead({
    name: 'devices',
    path: '/v1/devices',
    summary: 'The devices of the tenant, by id.',
    items: Device,
    handle: ({ tenant }, stores, page) => telemetryQueries(stores).devices(tenant, page),
  }),
  itemRead({
    name: 'device',
    path: '/v1/devices/{id}',
    summary: 'The state of one device.',
    missing: unknownDevice,
    answer: Device,
    handle: ({ tenant, id }, stores) => telemetryQueries(stores).device(tenant, id),
  }),
  pageRead({
    name: 'readings',
    path: '/v1/devices/{id}/readings',
    summary: 'The readings of a device, by time.',
    parameters: { metric, from, to, order: choice('By time, upwards or downwards.', ['asc', 'desc'], 'asc') },
    missing: unknownDevice,
    items: Reading,
    handle: async ({ tenant, id, parameters }, stores, page) => {
      const queries = telemetryQueries(stores);
      return ofKnownDevice(queries, tenant, id, await queries.readings(tenant, id, { ...parameters, ...page }));
    },
  }),
  pageRead({
    name: 'rollups',
    path: '/v1/devices/{id}/rollups',
    summary: 'The readings of a device summed up by windows of time.',
    parameters: { metric, window: choice('The width of the windows.', ['1m', '1h', '1d'], '1h'), from, to },
    missing: unknownDevice,
    items: Rollup,
    handle: async ({ tenant, id, parameters }, stores, page) => {
      const queries = telemetryQueries(stores);
      return ofKnownDevice(queries, tenant, id, await queries.rollups(tenant, id, { ...parameters, ...page }));
    },
  }),
  // No consumer raises alerts yet, so there are none: an empty page is the truth.
  pageRead({
    name: 'alerts',
    path: '/v1/alerts',
    summary: 'The alerts of the tenant.',
    parameters: { state: choice('Only alerts in this state.', ['active', 'cleared'], undefined) },
    items: Alert,
    handle: async () => ({ items: [] }),
  }),
];
