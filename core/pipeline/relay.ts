// Relay: publishes the records of the event log's change stream, never skips one, and parks those that can never be published.
import { isName } from '../cell/identity.ts';
import { fromStored, tenantOf } from '../events/cloud-event.ts';
import { isSubject } from '../events/subject.ts';
import { parseTime } from '../events/time.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { Bus, BusMessage, PublishOutcome } from '../ports/bus.ts';
import type { ChangeHandler, ChangeRecord } from '../ports/change-stream.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, type ErrorCode, isPortError, PERMANENT } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import { lanes } from './lanes.ts';
import { type Parking, RELAY, tenantForParking } from './parking.ts';
import { toRedriven } from './redrive.ts';
import { isErased, TOMBSTONE_LIMITS, type Tombstones } from './tombstones.ts';

export interface RelayDeps {
  readonly bus: Bus;
  readonly parking: Parking;
  readonly tombstones: Pick<Tombstones, 'of'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

/** Refusals that a bus which is set up wrongly gives to every event: to a topic that is none, by a service that is another. */
const MAY_BE_THE_BUS: ReadonlySet<ErrorCode> = new Set(['invalid', 'unsupported']);

/**
 * Returns the change stream's handler. Records before a failed one are published again, which consumers tolerate. A refusal counts against
 * an event only once the bus has taken another: a bus that is set up wrongly stops the stream, and nothing is parked for it.
 *
 * What was erased meanwhile is not published. What a tenant sends beyond its share takes the side lane (`lanes`), and is published after all others of its batch.
 */
export function relay(deps: RelayDeps): ChangeHandler {
  const inLane = lanes(deps.clock);
  let busTakesEvents = false;

  /** Those of the messages that are erased. */
  const erasedOf = async (
    messages: readonly (BusMessage | undefined)[],
  ): Promise<ReadonlySet<BusMessage | undefined>> => {
    const byTenant = new Map<string, BusMessage[]>();
    for (const message of messages) {
      if (message === undefined) continue;
      const some = byTenant.get(message.tenant);
      if (some === undefined) byTenant.set(message.tenant, [message]);
      else some.push(message);
    }
    const found = await mapConcurrently([...byTenant], TOMBSTONE_LIMITS.concurrentReads, async ([tenant, some]) => {
      const erased = await deps.tombstones.of(
        tenant,
        some.map(({ event }) => event.subject),
      );
      return some.filter(({ event }) => isErased(erased, tenant, event));
    });
    return new Set(found.flat());
  };

  return async (records) => {
    const read = records.map(toMessage);
    let gone: ReadonlySet<BusMessage | undefined>;
    try {
      gone = await erasedOf(read);
    } catch (error) {
      if (!isPortError(error)) throw error;
      const { code, message: reason, timedOut } = describeError(error);
      deps.log.warn('which events are erased is not known, so that none is published now', {
        ...{ code, reason, of: records.length },
        ...(timedOut && { timedOut }),
      });
      return { status: 'retry', failedAt: 0 };
    }
    const messages = read.map((message) => message && !gone.has(message) && inLane(message));
    const present = messages.filter((message): message is BusMessage => typeof message === 'object');
    const outcomes = new Map<BusMessage, PublishOutcome | undefined>();
    // One after the other: a bus writes down and sends all that it is given, and the small would be on their way only with the large.
    for (const some of [present.filter(({ lane }) => lane === undefined), present.filter(({ lane }) => lane)]) {
      if (some.length === 0) continue;
      const published = await deps.bus.publish(some);
      busTakesEvents ||= published.some(({ status }) => status === 'published');
      for (const [index, message] of some.entries()) outcomes.set(message, published[index]);
    }
    for (const [index, record] of records.entries()) {
      if (messages[index] === false) continue;
      const message = messages[index] || undefined;
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
        acceptedAt: message?.acceptedAt,
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
