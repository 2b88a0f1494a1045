// The queries of the telemetry domain: devices, readings and rollups of one tenant.
import { listing } from '../../api/listing.ts';
import type { PageRequest, ReadStores, View } from '../../api/read.ts';
import type { Static } from '../../api/schema.ts';
import { ANSWER_LIMITS, answerBytes } from '../../cell/answer-limits.ts';
import { fromStored, logPartition } from '../../events/cloud-event.ts';
import { mapConcurrently } from '../../lib/concurrently.ts';
import { listLeaves, listTotals } from '../../pipeline/derived-reads.ts';
import type { StoredDocument } from '../../ports/store.ts';
import { type DeviceState, readDeviceState } from './device-state.ts';
import { roundSum } from './exact-sum.ts';
import { partitions } from './partitions.ts';
import { isReading, type LastValue, later, readingOf } from './reading.ts';
import {
  partsOf,
  type RollupSummary,
  rollupFolds,
  rollupPrefix,
  rollupSeries,
  WINDOWS,
  type Window,
} from './rollups.ts';
import type { Device, Reading, Rollup } from './schemas.ts';

export const QUERY_LIMITS = {
  /** Device documents read at the same time for a page of devices. */
  concurrentReads: 16,
  /** Device documents held at once, of which a page may turn out to have room for a few only. */
  devicesRead: 64,
} as const;

export type DeviceView = Static<typeof Device>;
export type ReadingView = Static<typeof Reading>;
export type RollupView = Static<typeof Rollup>;

/** A span of time as sort keys of `parseTime`; `from` is included, `to` is not. */
export interface Span {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface TelemetryQueries {
  devices(tenant: string, page: PageRequest): Promise<View<DeviceView>>;
  /** `undefined` for a device that no reading has come from, or whose first one is not processed yet. */
  device(tenant: string, id: string): Promise<DeviceView | undefined>;
  readings(
    tenant: string,
    device: string,
    query: PageRequest & Span & { metric?: string | undefined; order: 'asc' | 'desc' },
  ): Promise<View<ReadingView>>;
  rollups(
    tenant: string,
    device: string,
    query: PageRequest & Span & { metric?: string | undefined; window: Window },
  ): Promise<View<RollupView>>;
}

/** Returns the reads. All reject with the store's error, `invalid` for a cursor that is none. */
export function telemetryQueries({ events, state }: ReadStores): TelemetryQueries {
  const device = async (tenant: string, id: string): Promise<DeviceView | undefined> => {
    const found = await readDeviceState(state, tenant, id);
    return found && deviceView(id, found);
  };

  /** Reads devices, in order, until an answer has no room for more. Returns how many have room; one always does. */
  const readWhileFitting = async (
    tenant: string,
    listed: readonly StoredDocument[],
    seen: Map<string, DeviceView | undefined>,
  ): Promise<number> => {
    let bytes = 0;
    for (let from = 0; from < listed.length; from += QUERY_LIMITS.devicesRead) {
      const part = listed.slice(from, from + QUERY_LIMITS.devicesRead);
      const views = await mapConcurrently(part, QUERY_LIMITS.concurrentReads, ({ id }) => device(tenant, id));
      for (const [index, { id }] of part.entries()) {
        bytes += answerBytes(views[index] ?? '');
        if (bytes > ANSWER_LIMITS.pageBytes && from + index > 0) return from + index;
        seen.set(id, views[index]);
      }
    }
    return listed.length;
  };

  return {
    device,

    async devices(tenant, { limit, cursor }) {
      const partition = partitions.devices.of(tenant);
      const ids = (count: number) => state.query(partition, { limit: count, ...(cursor && { cursor }) });
      const listed = await ids(limit);
      const seen = new Map<string, DeviceView | undefined>();
      const fits = await readWhileFitting(tenant, listed.items, seen);
      // The cursor behind those that fit is the store's to give. A device that has come meanwhile may take the last one's place.
      const page = fits === listed.items.length ? listed : await ids(fits);
      const views = await mapConcurrently(page.items, QUERY_LIMITS.concurrentReads, ({ id }) =>
        seen.has(id) ? Promise.resolve(seen.get(id)) : device(tenant, id),
      );
      return { items: views.filter((each) => each !== undefined), ...(page.next && { next: page.next }) };
    },

    async readings(tenant, deviceId, { metric, from, to, order, ...page }) {
      const query = {
        ...(from && { from }),
        ...(to && { to }),
        order: order === 'asc' ? 'ascending' : 'descending',
      } as const;
      return listing(events, logPartition(tenant, deviceId), query, page, (document) => {
        const { event } = fromStored(document);
        if (!isReading(event)) return [];
        const { position: _position, time, ...reading } = readingOf(event, document.id);
        return metric === undefined || reading.metric === metric
          ? [{ id: event.id, source: event.source, time, ...reading }]
          : [];
      });
    },

    async rollups(tenant, deviceId, { metric, window, from, to, ...page }) {
      const inSpan = (start: string) =>
        (from === undefined || start >= boundary(window, from)) && (to === undefined || start < boundary(window, to));
      const prefix = metric === undefined ? `${window}!` : rollupPrefix(window, metric);
      // A document of minutes begins up to half an hour before them, and `~` sorts behind every id of a minute.
      const low = (time: string) => (window === '1m' ? time.slice(0, WINDOWS['1m']) : boundary(window, time));
      const high = (time: string) => (window === '1m' ? `${time.slice(0, WINDOWS['1m'])}~` : boundary(window, time));
      const range =
        metric === undefined ? {} : { ...(from && { from: prefix + low(from) }), ...(to && { to: prefix + high(to) }) };
      const partition = partitions.rollups.of(tenant, deviceId);
      const show = (start: string, summary: RollupSummary) =>
        inSpan(start) ? rollupViews(window, start, summary) : [];
      return window === '1m'
        ? listLeaves(rollupFolds, state, partition, { prefix, ...range }, page, show)
        : listTotals(rollupFolds, state, partition, { prefix, ...range }, page, rollupSeries, (id, total) =>
            show(id.slice(id.lastIndexOf('!') + 1), total),
          );
    },
  };
}

function deviceView(id: string, { readings, metrics }: DeviceState): DeviceView {
  // By name: the order in which they came is an accident of delivery.
  const byName = [...metrics].sort(([a], [b]) => (a < b ? -1 : 1));
  const values = byName.map(
    ([metric, { value, unit, time }]) => [metric, { value, ...(unit !== undefined && { unit }), time }] as const,
  );
  const last = [...metrics.values()].reduce<LastValue | undefined>(later, undefined);
  return { id, ...(last && { lastSeen: last.time }), readings, metrics: Object.fromEntries(values) };
}

/** One rollup for each unit, and one for the readings that have none. */
const rollupViews = (window: Window, start: string, summary: RollupSummary): RollupView[] =>
  partsOf(summary).map(({ unit, count, min, max, sum, last }) => ({
    metric: summary.metric,
    ...(unit !== undefined && { unit }),
    window,
    start: fullStart(start),
    count,
    min,
    max,
    sum: roundSum(sum),
    last: last?.value ?? null,
  }));

/** The first window that does not begin before an instant, as a bound on the ids of windows. */
function boundary(window: Window, sortKey: string): string {
  const start = sortKey.slice(0, WINDOWS[window]);
  return fullStart(start).slice(0, 19) >= sortKey ? start : `${start}!`;
}

/** `2026-11-21`, `2026-11-21T07` or `2026-11-21T07:41` as a time. */
const fullStart = (start: string): string => `${start}${'T00:00:00.000Z'.slice(start.length - '2026-11-21'.length)}`;
