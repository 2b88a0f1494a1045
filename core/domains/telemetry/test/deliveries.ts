// Arbitrary readings of one device, and arbitrary ways to deliver them.
import fc from 'fast-check';
import { scenarioOf } from '../../../../test/support/deliveries.ts';
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

/** Readings, and a way to deliver them. */
export const scenario = scenarioOf(made);
