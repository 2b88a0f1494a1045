// A bad release of a consumer: it stumbles over readings whose metric says how.
import type { Consumer } from '../../core/pipeline/consumer.ts';

/** Wraps a consumer. Metrics `poison` throw, `crash` ends the process, `hang` never ends. */
export function faulty(consumer: Consumer): Consumer {
  return {
    name: consumer.name,
    async apply(events) {
      for (const { event } of events) {
        const { metric } = event.data as { metric: string };
        if (metric === 'poison') throw new RangeError('poison makes this release throw');
        if (metric === 'crash') process.exit(7);
        if (metric === 'hang') await new Promise(() => setInterval(() => undefined, 1000));
      }
      await consumer.apply(events);
    },
  };
}
