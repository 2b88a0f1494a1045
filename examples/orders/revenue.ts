// Revenue per customer and day: a consumer that derives, and its read.
import { pageRead } from '../../core/api/read.ts';
import { count, object } from '../../core/api/schema.ts';
import { domainPartition } from '../../core/cell/identity.ts';
import { derived } from '../../core/pipeline/derived-consumer.ts';
import { sums } from '../../core/pipeline/sums.ts';
import { cancelled, paid, placed } from './events.ts';

export const customers = domainPartition('orders.revenue');

const days = sums(['orders', 'paid', 'refunded'], ['1d']);

export const revenue = derived({
  name: 'revenue',
  types: [placed.type, paid.type, cancelled.type],
  partition: customers.of,
  project(event) {
    if (placed.is(event)) return { orders: 1 };
    if (paid.is(event)) return { paid: event.data.amount };
    if (cancelled.is(event)) return { refunded: event.data.refund };
    throw new TypeError(`The event ${event.id} concerns no order.`);
  },
  ...days,
});

export const RevenueOfDay = object(['day', 'orders', 'paid', 'refunded', 'revenue'], {
  day: { type: 'string', format: 'date' },
  orders: count,
  paid: count,
  refunded: count,
  revenue: { type: 'integer', description: 'In cents; below zero if more was refunded than paid on that day.' },
});

export const revenueRead = pageRead({
  name: 'revenue',
  path: '/v1/customers/{id}/revenue',
  summary: 'What a customer ordered, paid and got back, by day.',
  items: RevenueOfDay,
  handle: ({ tenant, id }, { state }, page) =>
    days.list(state, customers.of(tenant, id), '1d', page, (sum, day) => ({
      day,
      ...sum,
      revenue: sum.paid - sum.refunded,
    })),
});
