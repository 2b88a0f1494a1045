// Relay: publishes what the event log's change stream brings, never skips, and parks what can never be published.
import { fromStored, tenantOf } from '../events/cloud-event.ts';
import type { Bus, BusMessage, PublishOutcome } from '../ports/bus.ts';
import type { ChangeHandler, ChangeRecord } from '../ports/change-stream.ts';
import { ITS_OWN_FAULT } from '../ports/errors.ts';
import { isJsonObject } from '../ports/json.ts';
import type { Log } from '../ports/log.ts';
import { type Parking, RELAY } from './parking.ts';
import { toRedriven } from './redrive.ts';

export interface RelayDeps {
  readonly bus: Bus;
  readonly parking: Parking;
  readonly log: Log;
}

/** Returns the change stream's handler. Records that were published before a failed one are published again: consumers expect that. */
export function relay(deps: RelayDeps): ChangeHandler {
  return async (records) => {
    const messages = records.map(toMessage);
    const published = await deps.bus.publish(messages.filter((message) => message !== undefined));
    let next = 0;
    for (const [index, record] of records.entries()) {
      const message = messages[index];
      const outcome: PublishOutcome | undefined = message && published[next++];
      if (message !== undefined && outcome?.status === 'published') continue;
      if (message !== undefined && outcome?.status === 'failed' && !ITS_OWN_FAULT[outcome.error.code]) {
        deps.log.warn('publishing failed and will be repeated', {
          code: outcome.error.code,
          reason: outcome.error.message,
          from: index,
          of: records.length,
        });
        return { status: 'retry', failedAt: index };
      }
      const reason =
        outcome?.status === 'failed'
          ? { code: outcome.error.code, message: outcome.error.message }
          : { code: 'unreadable', message: 'The document in the log is not an event.' };
      await deps.parking.park({
        consumer: RELAY,
        tenant: tenantOf(record),
        subject: { partition: record.partition, id: record.id },
        event: message?.event,
        reason,
      });
      deps.log.error('parked a record that can never be published', {
        partition: record.partition,
        id: record.id,
        ...reason,
      });
    }
    return { status: 'done' };
  };
}

function toMessage(record: ChangeRecord): BusMessage | undefined {
  const body = record.body;
  const redriven = toRedriven(body);
  if (redriven !== undefined) return redriven;
  if (
    !isJsonObject(body) ||
    typeof body.id !== 'string' ||
    typeof body.source !== 'string' ||
    typeof body.type !== 'string'
  )
    return undefined;
  return fromStored(record, body);
}
