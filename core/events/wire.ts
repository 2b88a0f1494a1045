// The text of a message on the bus: the CloudEvent in JSON, with what a consumer needs to know about it inside.

import type { BusMessage } from '../ports/bus.ts';
import { isJsonObject } from '../ports/json.ts';
import type { CloudEvent } from './cloud-event.ts';

/**
 * The tenant travels inside the event as well as beside it: not every platform hands attributes through unharmed. Clients
 * cannot send attributes of this prefix.
 */
const TENANT = 'polycelltenant';

/** A message as text. */
export const encodeMessage = ({ tenant, event }: BusMessage): string => JSON.stringify({ ...event, [TENANT]: tenant });

/** The message in a text; throws a SyntaxError or TypeError if there is none. */
export function decodeMessage(text: string): { tenant: string; event: CloudEvent } {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new TypeError('The message is no JSON object.');
  const { [TENANT]: tenant, ...event } = value;
  const isEvent = ['id', 'source', 'type', 'subject', 'time'].every((name) => typeof event[name] === 'string');
  if (typeof tenant !== 'string' || !isEvent) throw new TypeError('The message is no event of a tenant.');
  return { tenant, event: event as CloudEvent };
}
