// The built-in consumers' jobs done with claims instead of derivation: what they would cost, and what they would give up.

import { DEVICE_STATE_ID } from '../../core/domains/telemetry/device-state.ts';
import { partitions } from '../../core/domains/telemetry/partitions.ts';
import { type Fact, type LastValue, lastValueOf, later, readingOf } from '../../core/domains/telemetry/reading.ts';
import { type RollupSummary, reviseRollup, rollupId, WINDOWS } from '../../core/domains/telemetry/rollups.ts';
import { eventKey } from '../../core/events/cloud-event.ts';
import type { RetryDeps } from '../../core/lib/retry.ts';
import { claimingConsumer } from '../../core/pipeline/claiming-consumer.ts';
import type { Consumer, TenantEvent } from '../../core/pipeline/consumer.ts';
import type { Json } from '../../core/ports/json.ts';
import type { Store, StoredDocument, Write } from '../../core/ports/store.ts';

interface Deps extends RetryDeps {
  readonly state: Store;
}

const readings = (events: readonly TenantEvent[]): Fact[] =>
  events.map(({ tenant, event }) => readingOf(event, eventKey(tenant, event).id));

const put = (id: string, body: unknown, before: StoredDocument | undefined): Write => ({
  kind: 'put',
  id,
  body: body as Json,
  expected: before?.version ?? 'absent',
});

/** `device-state` with a claim on every reading. */
export function claimingDeviceState(deps: Deps): Consumer {
  return claimingConsumer(
    {
      name: 'device-state',
      async effects(events, read) {
        const before = await read(DEVICE_STATE_ID);
        const first = events[0];
        // The device becomes known to the listing before its state is, as the derived consumer has it.
        if (before === undefined && first !== undefined) {
          const { tenant, event } = first;
          await deps.state.put({ partition: partitions.devices.of(tenant), id: event.subject, body: null }, 'any');
        }
        const after = readings(events).reduce<DeviceSummary | undefined>(
          deviceWith,
          before?.body as DeviceSummary | undefined,
        );
        return [put(DEVICE_STATE_ID, after, before)];
      },
    },
    deps,
  );
}

interface DeviceSummary {
  readonly readings: number;
  readonly metrics: { readonly [metric: string]: LastValue };
}

const deviceWith = (device: DeviceSummary | undefined, reading: Fact): DeviceSummary => ({
  readings: (device?.readings ?? 0) + 1,
  metrics: { ...device?.metrics, [reading.metric]: later(device?.metrics[reading.metric], lastValueOf(reading)) },
});

/** `rollups` with a claim on every reading: minute, hour and day change together. */
export function claimingRollups(deps: Deps): Consumer {
  return claimingConsumer(
    {
      name: 'rollups',
      async effects(events, read) {
        const before = new Map<string, StoredDocument | undefined>();
        const after = new Map<string, RollupSummary>();
        for (const reading of readings(events)) {
          for (const [window, width] of Object.entries(WINDOWS)) {
            const id = rollupId(window as keyof typeof WINDOWS, reading.metric, reading.position.slice(0, width));
            if (!before.has(id)) before.set(id, await read(id));
            const known = after.get(id) ?? (before.get(id)?.body as RollupSummary | undefined);
            after.set(id, reviseRollup(known, undefined, rollupOf(reading)));
          }
        }
        return [...after].map(([id, summary]) => put(id, summary, before.get(id)));
      },
    },
    deps,
  );
}

const rollupOf = (reading: Fact): RollupSummary => ({
  metric: reading.metric,
  count: 1,
  min: reading.value,
  max: reading.value,
  sum: [reading.value],
  last: lastValueOf(reading),
});
