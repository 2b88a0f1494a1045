// Spans and measurements of relay, consumers and parking, around handlers that know nothing of them.
import type { DeliveredMessage, DeliveryHandler } from '../ports/bus.ts';
import type { ChangeHandler, ChangeRecord } from '../ports/change-stream.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import { isJsonObject } from '../ports/json.ts';
import type { Attributes, Span, Telemetry } from '../ports/telemetry.ts';
import type { Parking } from './parking.ts';

export interface TracedDeps {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** The bus, as OpenTelemetry names it. */
  readonly system: string;
}

/** What all cells call their topic. */
const DESTINATION = 'events';

/** A relay whose batches are spans of their own: one batch has events of many traces, to which it links. */
export function tracedRelay({ telemetry, clock, system }: TracedDeps, handler: ChangeHandler): ChangeHandler {
  const common = {
    'messaging.system': system,
    'messaging.operation.name': 'publish',
    'messaging.destination.name': DESTINATION,
  };
  return async (records) => {
    const links = records.map(contextOf).filter((context) => context !== undefined);
    const span = telemetry.start(`publish ${DESTINATION}`, 'client', undefined, links);
    const began = clock.now();
    const outcome = await ended(span, () => handler(records));
    const published = outcome.status === 'done' ? records.length : outcome.failedAt;
    span.end(
      { ...common, 'messaging.operation.type': 'send', 'messaging.batch.message_count': records.length },
      { failure: published < records.length ? `${records.length - published} will be published again` : undefined },
    );
    telemetry.add('messaging.client.sent.messages', published, common);
    telemetry.record('messaging.client.operation.duration', seconds(clock.now() - began), common);
    return outcome;
  };
}

/** The context in which an event was accepted; of a redriven one, that which it was parked with. */
function contextOf({ body, beside }: ChangeRecord): string | undefined {
  if (beside?.traceparent !== undefined) return String(beside.traceparent);
  if (!isJsonObject(body)) return undefined;
  const { traceparent } = isJsonObject(body.event) ? body.event : body;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

/** A consumer whose batches are spans of their own, which link to their events; a batch of one also continues the trace of its event. */
export function tracedConsumer(
  { telemetry, clock, system }: TracedDeps,
  consumer: string,
  handler: DeliveryHandler,
): DeliveryHandler {
  const common = {
    'messaging.system': system,
    'messaging.operation.name': 'process',
    'messaging.destination.name': DESTINATION,
    'messaging.consumer.group.name': consumer,
  };
  return async (messages, deadline, limitMs) => {
    const events = messages.filter((message): message is DeliveredMessage => !('unreadable' in message));
    const links = events.flatMap(({ context, event }) => context ?? event.traceparent ?? []);
    const [only] = messages.length === 1 ? links : [];
    const span = telemetry.start(`process ${consumer}`, 'consumer', only, links);
    const began = clock.now();
    const outcomes = await ended(span, () => handler(messages, deadline, limitMs));
    const retried = outcomes.flatMap((outcome) => (outcome.status === 'retry' ? [outcome.reason] : []));
    span.end(
      {
        ...common,
        ...tenantOf(events),
        ...(messages.length === 1 && eventOf(events[0])),
        'messaging.operation.type': 'process',
        'messaging.batch.message_count': messages.length,
        'polycell.retried': retried.length,
      },
      // The code alone: the text after it may name a subject.
      { failure: retried[0]?.split(':', 1)[0] },
    );
    telemetry.add('messaging.client.consumed.messages', messages.length - retried.length, common);
    if (retried.length > 0) telemetry.add('polycell.retried', retried.length, { consumer });
    telemetry.record('messaging.process.duration', seconds(clock.now() - began), common);
    return outcomes;
  };
}

/** The tenant of a batch that has only one. */
function tenantOf(events: readonly DeliveredMessage[]): Attributes {
  const tenant = events[0]?.tenant;
  return events.every((each) => each.tenant === tenant) ? { 'polycell.tenant': tenant } : {};
}

const eventOf = (message: DeliveredMessage | undefined): Attributes => ({
  'cloudevents.event_id': message?.event.id,
  'cloudevents.event_type': message?.event.type,
});

/** Parking that is seen even where the event's trace is not sampled. The text of a reason may name a subject, so it stays where it is parked. */
export function tracedParking(telemetry: Telemetry, parking: Parking): Parking {
  return {
    ...parking,
    async park(request) {
      const { consumer, tenant, event, reason } = request;
      const span = telemetry.start(`park ${consumer}`, 'internal', event?.traceparent);
      await ended(span, () => parking.park(request));
      span.end(
        {
          'messaging.consumer.group.name': consumer,
          'polycell.tenant': tenant,
          'cloudevents.event_id': event?.id,
          'cloudevents.event_type': event?.type,
          'error.type': reason.code,
        },
        { failure: reason.code },
      );
      telemetry.add('polycell.parked', 1, { consumer, 'error.type': reason.code });
    },
  };
}

/** Does the work; if it fails, so has the span. */
async function ended<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code } = describeError(error);
    span.end({ 'error.type': code }, { failure: code });
    throw error;
  }
}

const seconds = (milliseconds: number): number => milliseconds / 1000;
