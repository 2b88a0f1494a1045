// Relay: publishes the records of the event log's change stream, never skips one, and parks those that can never be published.
import { isName } from '../cell/identity.ts';
import { isSubject } from '../events/accept.ts';
import { fromStored, tenantOf } from '../events/cloud-event.ts';
import { parseTime } from '../events/time.ts';
import type { Bus, BusMessage, PublishOutcome } from '../ports/bus.ts';
import type { ChangeHandler, ChangeRecord } from '../ports/change-stream.ts';
import type { Clock } from '../ports/clock.ts';
import { type ErrorCode, PERMANENT } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import { lanes } from './lanes.ts';
import { type Parking, RELAY, tenantForParking } from './parking.ts';
import { toRedriven } from './redrive.ts';

export interface RelayDeps {
  readonly bus: Bus;
  readonly parking: Parking;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/** Refusals that a bus which is set up wrongly gives to every event: to a topic that is none, by a service that is another. */
const MAY_BE_THE_BUS: ReadonlySet<ErrorCode> = new Set(['invalid', 'unsupported']);

/**
 * Returns the change stream's handler. Records before a failed one are published again, which consumers tolerate. A refusal counts against
 * an event only once the bus has taken another: a bus that is set up wrongly stops the stream, and nothing is parked for it.
 *
 * What a tenant sends beyond its share takes the side lane (`lanes`), and is published after all others of its batch.
 */
export function relay(deps: RelayDeps): ChangeHandler {
  const inLane = lanes(deps.clock);
  let busTakesEvents = false;
  return async (records) => {
    const messages = records.map((record) => {
      const message = toMessage(record);
      return message && inLane(message);
    });
    const present = messages.filter((message) => message !== undefined);
    const inOrder = [...present.filter(({ lane }) => lane === undefined), ...present.filter(({ lane }) => lane)];
    const published = await deps.bus.publish(inOrder);
    busTakesEvents ||= published.some(({ status }) => status === 'published');
    const outcomes = new Map(
      inOrder.map((message, index): [BusMessage, PublishOutcome | undefined] => [message, published[index]]),
    );
    for (const [index, record] of records.entries()) {
      const message = messages[index];
      const outcome = message && outcomes.get(message);
      if (message !== undefined && outcome === undefined)
        throw new TypeError('The bus returned fewer outcomes than it was given messages.');
      if (outcome?.status === 'published') continue;
      if (outcome?.status === 'failed' && !PERMANENT[outcome.error.code]) {
        deps.log.warn('publishing failed and will be repeated', {
          code: outcome.error.code,
          reason: outcome.error.message,
          from: index,
          of: records.length,
          ...(outcome.error.timedOut && { timedOut: true }),
        });
        return { status: 'retry', failedAt: index };
      }
      if (outcome?.status === 'failed' && !busTakesEvents && MAY_BE_THE_BUS.has(outcome.error.code)) {
        deps.log.error(
          'the bus has taken no event yet and refuses this one: check which topic the relay is set up for',
          {
            code: outcome.error.code,
            reason: outcome.error.message,
            from: index,
            of: records.length,
          },
        );
        return { status: 'retry', failedAt: index };
      }
      const reason =
        outcome?.status === 'failed'
          ? { code: outcome.error.code, message: outcome.error.message }
          : { code: 'unreadable', message: 'The document in the log is not an event.' };
      await deps.parking.park({
        consumer: RELAY,
        tenant: tenantForParking(tenantOf(record)),
        subject: { partition: record.partition, id: record.id },
        event: message?.event,
        origin: message?.origin,
        reason,
      });
      deps.log.error('parked a record that can never be published', {
        tenant: tenantOf(record),
        id: record.id,
        ...reason,
      });
    }
    return { status: 'done' };
  };
}

/** The message in a record; `undefined` without a valid tenant, subject and time, as they become keys. */
function toMessage(record: ChangeRecord): BusMessage | undefined {
  const message = toRedriven(record) ?? fromStored(record);
  const { tenant, event } = message;
  const isEvent = [event.id, event.source, event.type, event.time].every((attribute) => typeof attribute === 'string');
  return isEvent && isName(tenant) && isSubject(event.subject) && parseTime(event.time) !== undefined
    ? message
    : undefined;
}
