// Encodes and decodes messages on the bus: the CloudEvent in JSON, including its tenant.

import { isName } from '../cell/identity.ts';
import { toWireJson, utf8Length } from '../lib/text.ts';
import { BUS_LIMITS, type BusMessage, type PublishOutcome } from '../ports/bus.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { PortError } from '../ports/errors.ts';
import { isJsonObject } from '../ports/json.ts';
import { isSubject } from './subject.ts';
import { parseTime } from './time.ts';

/**
 * The tenant is sent inside the event as well as in the message attributes, because not every platform preserves attributes. Clients
 * cannot send attributes with this prefix.
 */
const TENANT = 'polycelltenant';

/** The cell that accepted the event goes with it in the same way. */
const ORIGIN = 'polycellorigin';

/** And the context of the request that brought it, where it has another one itself. */
const CONTEXT = 'polycelltrace';

/** And when it was accepted, so that it is known how long the rest of its way takes. */
const ACCEPTED_AT = 'polycellat';

/** And for which consumer alone it is: attributes of messages do not reach every consumer. */
const CONSUMER = 'polycellconsumer';

/** A message as text, in characters that every bus accepts. */
export const encodeMessage = ({ tenant, event, origin, context, acceptedAt, consumer }: BusMessage): string =>
  toWireJson({
    ...event,
    [TENANT]: tenant,
    ...(origin !== undefined && { [ORIGIN]: origin }),
    ...(context !== undefined && { [CONTEXT]: context }),
    ...(acceptedAt !== undefined && { [ACCEPTED_AT]: acceptedAt }),
    ...(consumer !== undefined && { [CONSUMER]: consumer }),
  });

/** Message attributes, for subscription filters and tracing. */
export const messageAttributes = ({ event, tenant, consumer, lane }: BusMessage): Readonly<Record<string, string>> => ({
  type: event.type,
  tenant,
  ...(consumer !== undefined && { consumer }),
  ...(lane !== undefined && { lane }),
  ...(event.traceparent && { traceparent: event.traceparent }),
});

/** Bytes of a message as SNS counts them: the text, and each attribute's name, data type (`String`) and value. */
export const messageBytes = (text: string, attributes: Readonly<Record<string, string>>): number =>
  Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + utf8Length(name) + 'String'.length + utf8Length(value),
    utf8Length(text),
  );

/** The error of a message that no bus accepts. */
export const tooLarge = (bytes: number, limit: number = BUS_LIMITS.messageBytes) =>
  new PortError('too-large', `The message has ${bytes} bytes; the bus takes ${limit}.`);

export const publishOutcome = (result: true | PortError): PublishOutcome =>
  result === true ? { status: 'published' } : { status: 'failed', error: result };

/** What a message consists of. */
export type DecodedMessage = Pick<BusMessage, 'tenant' | 'event' | 'origin' | 'context' | 'acceptedAt' | 'consumer'>;

/** Decodes a message from text; throws a SyntaxError or TypeError if it is not a message. */
export const decodeMessage = (text: string): DecodedMessage => readMessage(JSON.parse(text));

/**
 * Reads a message from parsed JSON, for platforms that parse it themselves; throws a TypeError if it is not a message. Tenant,
 * subject and time are checked because they become keys: without a key, an event can be neither applied nor parked.
 */
export function readMessage(value: unknown): DecodedMessage {
  if (!isJsonObject(value)) throw new TypeError('The message is no JSON object.');
  const { [TENANT]: tenant, [ORIGIN]: origin, [CONTEXT]: context, [ACCEPTED_AT]: acceptedAt, ...more } = value;
  const { [CONSUMER]: consumer, ...event } = more;
  const isEvent =
    ['id', 'source', 'type'].every((name) => typeof event[name] === 'string') &&
    isSubject(event.subject) &&
    typeof event.time === 'string' &&
    parseTime(event.time) !== undefined;
  if (!isName(tenant) || !isEvent) throw new TypeError('The message is no event of a tenant.');
  return {
    tenant,
    event: event as CloudEvent,
    ...(typeof origin === 'string' && { origin }),
    ...(typeof context === 'string' && { context }),
    ...(typeof acceptedAt === 'number' && { acceptedAt }),
    ...(typeof consumer === 'string' && { consumer }),
  };
}
