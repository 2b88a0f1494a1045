// What happens to orders: they are placed, paid and cancelled. The subject of each event is the customer.
import { object } from '../../core/api/schema.ts';
import { eventType } from '../../core/domain/event-type.ts';

const order = { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$' } as const;

/** In cents, as whole numbers add up exactly. */
export const cents = { type: 'integer', minimum: 0, maximum: 1_000_000_000 } as const;

export const Item = object(['sku', 'quantity'], {
  sku: { type: 'string', minLength: 1, maxLength: 64 },
  quantity: { type: 'integer', minimum: 1, maximum: 1000 },
});

export const placed = eventType(
  'com.example.order-placed.v1',
  object(['order', 'total', 'items'], {
    order,
    total: cents,
    items: { type: 'array', minItems: 1, maxItems: 100, items: Item },
  }),
);

/** A payment; an order can be paid in parts. */
export const paid = eventType('com.example.order-paid.v1', object(['order', 'amount'], { order, amount: cents }));

export const cancelled = eventType(
  'com.example.order-cancelled.v1',
  object(['order', 'refund'], { order, refund: cents }),
);
