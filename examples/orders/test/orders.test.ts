// The orders domain: revenue per day and dispatch notes, whatever order its events arrive in.
import { exactlyOnce, given, happened } from '../../../test/support/given.ts';
import { orders } from '../domain.ts';
import { cancelled, paid, placed } from '../events.ts';

const on = (time: string, subject = 'ada') => ({ subject, time: `2026-11-${time}Z` });
const items = [{ sku: 'book', quantity: 2 }];

const order = happened(placed, on('20T10:00:00'), { order: 'o-1', total: 3000, items });
const firstHalf = happened(paid, on('20T10:05:00'), { order: 'o-1', amount: 1500 });
const secondHalf = happened(paid, on('21T00:00:00'), { order: 'o-1', amount: 1500 });
const refund = happened(cancelled, on('21T06:00:00'), { order: 'o-1', refund: 2000 });

const REVENUE = '/v1/customers/ada/revenue';
const NOTES = '/v1/dispatch-notes';

describe.each([
  ['as they happened', {}],
  ['backwards, one by one', { order: 'reversed', groups: 1 }],
  ['three times over, in two workers', { groups: 2, repeats: 3, workers: 2 }],
] as const)('an order that is paid in two parts, delivered %s', (_how, way) => {
  const outcome = given(orders, order, firstHalf, secondHalf, refund).when(way);

  test('revenue is what was paid less what was refunded, by day', () =>
    outcome.thenAnswer(REVENUE, {
      items: [
        { day: '2026-11-20', orders: 1, paid: 1500, refunded: 0, revenue: 1500 },
        { day: '2026-11-21', orders: 0, paid: 1500, refunded: 2000, revenue: -500 },
      ],
      next: null,
    }));

  test('one dispatch note', () =>
    outcome.thenAnswer(NOTES, { items: [{ order: 'o-1', customer: 'ada', items }], next: null }));

  test('what is kept of it', () =>
    outcome.thenDocuments('orders.dispatch|acme', {
      'order!o-1': { customer: 'ada', paid: 3000, total: 3000, items },
    }));
});

test('no dispatch note before an order is paid in full, or placed', async () => {
  await given(orders, order, firstHalf).when().thenAnswer(NOTES, { items: [], next: null });
  await given(orders, firstHalf, secondHalf).when().thenAnswer(NOTES, { items: [], next: null });
});

test('an unknown customer has no revenue', () =>
  given(orders, order).when().thenAnswer('/v1/customers/bob/revenue', { items: [], next: null }));

test('days of revenue and dispatch notes come in pages', async () => {
  const paidInFull = ['1', '2', '3'].flatMap((number) => [
    happened(placed, on(`1${number}T10:00:00`), { order: `o-${number}`, total: 0, items }),
  ]);
  const outcome = given(orders, ...paidInFull).when();
  const page = (ids: string[], next: unknown) => ({
    items: ids.map((id) => ({ order: id, customer: 'ada', items })),
    next,
  });
  await outcome.thenAnswer(`${NOTES}?limit=2`, page(['o-1', 'o-2'], expect.any(String)));
  await outcome.thenAnswer(`${NOTES}?limit=3`, page(['o-1', 'o-2', 'o-3'], null));
  await outcome.thenAnswer(`${REVENUE}?limit=1`, {
    items: [{ day: '2026-11-11', orders: 1, paid: 0, refunded: 0, revenue: 0 }],
    next: expect.any(String),
  });
});

exactlyOnce(orders);
