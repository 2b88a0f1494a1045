// Arbitrary readings and arbitrary ways to deliver them: any order, any grouping, with repeats, in two workers.
import fc from 'fast-check';
import { type Delivery, SCRIPT_VALUES, type Script } from '../../core/domains/telemetry/test/workers.ts';
import type { Made } from './telemetry-model.ts';

/** Around the end of a day, often at the borders of minutes, and now and then far away. */
const second = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 1200 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 59, 60, 61, 599, 600, 601, 4199, 4200, 86_999, 87_000) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }) },
);

const metric = fc.constantFrom('t', 'rpm', 'a b', '__proto__', 'x/y', 'é', '🚰', '1', 'constructor');

const value = fc.oneof(
  fc.integer({ min: -50, max: 50 }),
  fc.double({ noNaN: true, min: -1e15, max: 1e15 }),
  fc.constantFrom(0.1, -0.1, 0, -0, 1e16, -1e16, 1e300, -1e300, 5e-324),
);

const made: fc.Arbitrary<Made> = fc
  .record({ id: fc.integer({ min: 0, max: 30 }), second, metric, value, unit: fc.constantFrom(undefined, 'Cel', '') })
  .map(({ unit, id, ...rest }) => ({ ...rest, id: `r${id}`, ...(unit !== undefined && { unit }) }));

export interface Scenario {
  readonly readings: readonly Made[];
  readonly deliveries: readonly Delivery[];
  readonly script: Script;
}

const worker = fc.constantFrom<0 | 1>(0, 1);

/** Every reading is delivered at least once. */
export const scenario: fc.Arbitrary<Scenario> = fc.array(made, { minLength: 1, maxLength: 40 }).chain((readings) => {
  const index = fc.integer({ min: 0, max: readings.length - 1 });
  const some = fc.array(fc.record({ worker, readings: fc.array(index, { minLength: 1, maxLength: 40 }) }), {
    maxLength: 8,
  });
  const order = fc.shuffledSubarray([...readings.keys()], { minLength: readings.length });
  return fc
    .record({
      some,
      order,
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
      workers: fc.array(worker, { minLength: 1, maxLength: 10 }),
      script: fc.array(fc.integer({ min: 0, max: SCRIPT_VALUES - 1 }), { maxLength: 200 }),
    })
    .map((way) => {
      const all: Delivery[] = [];
      for (let from = 0, part = 0; from < way.order.length; part += 1) {
        const size = way.sizes[part % way.sizes.length] ?? 1;
        all.push({ worker: way.workers[part % way.workers.length] ?? 0, readings: way.order.slice(from, from + size) });
        from += size;
      }
      const deliveries = way.some.flatMap((delivery, at) => [delivery, ...all.slice(at, at + 1)]);
      return { readings, deliveries: [...deliveries, ...all.slice(way.some.length)], script: way.script };
    });
});
