// A small application with an effect that must happen once: meters, and a notice to be sent for each reading.
import { domainPartition } from '../../core/cell/identity.ts';
import type { Application } from '../../core/domain/application.ts';
import { defineDomain } from '../../core/domain/domain.ts';
import { claiming } from '../../core/pipeline/claiming-consumer.ts';
import { READING } from './events.ts';
import { meters } from './meters.ts';

const sent = domainPartition('notices.sent');

const notices = defineDomain({
  name: 'notices',
  description: 'A notice for each reading, for tests.',
  events: [],
  validators: {},
  consumers: [
    claiming({
      name: 'notices',
      types: [READING],
      delivery: 'latency',
      partition: (tenant) => sent.of(tenant),
      effects: async (events) =>
        events.map(({ event }) => ({ kind: 'put', id: `notice!${event.id}`, body: null, expected: 'absent' })),
    }),
  ],
  state: [sent],
  sample: meters.sample,
});

/** Both domains. */
export const NOTICES: Application = [meters, notices];
