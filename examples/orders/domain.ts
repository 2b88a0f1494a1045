// The orders domain: orders placed, paid and cancelled become revenue per day and dispatch notes.
import { defineDomain } from '../../core/domain/domain.ts';
import { DispatchNote, dispatch, dispatchRead, notes } from './dispatch.ts';
import { cancelled, paid, placed } from './events.ts';
import { customers, RevenueOfDay, revenue, revenueRead } from './revenue.ts';
import { validators } from './validators.generated.ts';

export const orders = defineDomain({
  name: 'orders',
  description: 'Orders in, revenue and dispatch notes out.',
  events: [placed, paid, cancelled],
  validators,
  consumers: [revenue, dispatch],
  state: [customers, notes],
  reads: [revenueRead, dispatchRead],
  schemas: { RevenueOfDay, DispatchNote },
  // Three events an order: placed, paid in two parts; every fifth order is cancelled instead of paid in full.
  sample(subject, round) {
    const number = Math.floor(round / 3) + 1;
    const order = `o-${subject + 1}-${number}`;
    const half = 250 + ((number * 37 + subject * 11) % 90) * 50;
    const customer = `customer-${subject + 1}`;
    if (round % 3 === 0)
      return {
        type: placed.type,
        subject: customer,
        data: { order, total: 2 * half, items: [{ sku: 'book', quantity: 2 }] },
      };
    if (round % 15 === 14) return { type: cancelled.type, subject: customer, data: { order, refund: half } };
    return { type: paid.type, subject: customer, data: { order, amount: half } };
  },
});
