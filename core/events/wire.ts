// The text of a message on the bus: the CloudEvent in JSON, with what a consumer needs to know about it inside.

import { isName } from '../cell/identity.ts';
import { toWireJson, utf8Length } from '../lib/text.ts';
import type { BusMessage } from '../ports/bus.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isJsonObject } from '../ports/json.ts';
import { isSubject } from './accept.ts';
import { parseTime } from './time.ts';

/**
 * The tenant travels inside the event as well as beside it: not every platform hands attributes through unharmed. Clients
 * cannot send attributes of this prefix.
 */
const TENANT = 'polycelltenant';

/** A message as text, of characters that every bus takes. */
export const encodeMessage = ({ tenant, event }: BusMessage): string => toWireJson({ ...event, [TENANT]: tenant });

/** What travels beside the text, for subscriptions to filter on and for tracing. */
export const messageAttributes = ({ event, tenant, consumer }: BusMessage): Readonly<Record<string, string>> => ({
  type: event.type,
  tenant,
  ...(consumer !== undefined && { consumer }),
  ...(event.traceparent && { traceparent: event.traceparent }),
});

/** Bytes of a message as SNS counts them: the text, and each attribute's name, data type (`String`) and value. */
export const messageBytes = (text: string, attributes: Readonly<Record<string, string>>): number =>
  Object.entries(attributes).reduce(
    (sum, [name, value]) => sum + utf8Length(name) + 'String'.length + utf8Length(value),
    utf8Length(text),
  );

/** The message in a text; throws a SyntaxError or TypeError if there is none. */
export const decodeMessage = (text: string): { tenant: string; event: CloudEvent } => readMessage(JSON.parse(text));

/**
 * The message in a value that was JSON, for platforms that parse themselves; throws a TypeError if there is none. Tenant,
 * subject and time are checked, for they become keys: what has no key can neither be applied nor parked as an event.
 */
export function readMessage(value: unknown): { tenant: string; event: CloudEvent } {
  if (!isJsonObject(value)) throw new TypeError('The message is no JSON object.');
  const { [TENANT]: tenant, ...event } = value;
  const isEvent =
    ['id', 'source', 'type'].every((name) => typeof event[name] === 'string') &&
    isSubject(event.subject) &&
    typeof event.time === 'string' &&
    parseTime(event.time) !== undefined;
  if (!isName(tenant) || !isEvent) throw new TypeError('The message is no event of a tenant.');
  return { tenant, event: event as CloudEvent };
}
