// Dispatch notes for the warehouse: an effect that happens once for each event, and the read that fetches them.
import { listing } from '../../core/api/listing.ts';
import { pageRead } from '../../core/api/read.ts';
import { object, type Static, text } from '../../core/api/schema.ts';
import { domainPartition } from '../../core/cell/identity.ts';
import { claiming, updates } from '../../core/pipeline/claiming-consumer.ts';
import { cents, Item, paid, placed } from './events.ts';

/** All notes of a tenant lie in one partition, as the warehouse lists them together. */
export const notes = domainPartition('orders.dispatch');

/** What is known of an order so far; its events arrive in any order. */
const Note = object(['customer', 'paid'], {
  customer: text,
  paid: cents,
  total: cents,
  items: { type: 'array', items: Item },
});
type Note = Static<typeof Note>;

export const dispatch = claiming({
  name: 'dispatch',
  types: [placed.type, paid.type],
  delivery: 'latency',
  partition: (tenant) => notes.of(tenant),
  concerns: ({ body }, customer) => (body as Note).customer === customer,
  effects: updates<Note>({
    idOf: ({ data }) => `order!${(data as { order: string }).order}`,
    initial: ({ subject }) => ({ customer: subject, paid: 0 }),
    apply(note, event) {
      if (placed.is(event)) return { ...note, total: event.data.total, items: event.data.items };
      if (paid.is(event)) return { ...note, paid: note.paid + event.data.amount };
      throw new TypeError(`The event ${event.id} concerns no order.`);
    },
  }),
});

export const DispatchNote = object(['order', 'customer', 'items'], {
  order: text,
  customer: text,
  items: { type: 'array', items: Item },
});

export const dispatchRead = pageRead({
  name: 'dispatchNotes',
  path: '/v1/dispatch-notes',
  summary: 'The orders that are paid in full, for the warehouse to send, by their number.',
  items: DispatchNote,
  handle: ({ tenant }, { state }, page) =>
    listing(state, notes.of(tenant), { prefix: 'order!' }, page, ({ id, body }) => {
      const { customer, paid, total, items } = body as Note;
      if (total === undefined || items === undefined || paid < total) return [];
      return [{ order: id.slice('order!'.length), customer, items }];
    }),
});
