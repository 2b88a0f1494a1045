// Builders of delivered messages.
import type { DeliveredMessage, UnreadableMessage } from '../../core/ports/bus.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import { reading } from './events.ts';

/** A reading of its own id on its first delivery. */
export const message = (
  id: string,
  more: Partial<DeliveredMessage> = {},
  event: JsonObject = {},
): DeliveredMessage => ({
  tenant: 'acme',
  event: reading({ id, ...event }),
  deliveryId: `d-${id}`,
  attempt: 1,
  ...more,
});

/** A message that no adapter could read. */
export const unreadable = (text: string, more: Partial<UnreadableMessage> = {}): UnreadableMessage => ({
  deliveryId: `u-${text.slice(0, 20)}`,
  attempt: 1,
  unreadable: 'Unexpected token',
  text,
  tenant: 'acme',
  ...more,
});
