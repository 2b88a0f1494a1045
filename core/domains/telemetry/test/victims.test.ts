// Victims of a flood: in simulated time, the p99 from the log to each consumer's state stays within twice what it is without the flood.
import fc from 'fast-check';
import { neighbours, PACES, worstRatio } from '../../../../test/support/neighbours.ts';
import { property, SEED } from '../../../../test/support/properties.ts';
import { AWS, AZURE } from '../../../../test/support/simulated-platforms.ts';
import { telemetry } from '../domain.ts';

/** By this factor a neighbour may be noticed. */
const MOST = 2;

/** Phases and costs that are tried for each cloud. */
const RUNS = 5;

/** Both consumers have 200 events of the flood to apply. */
const FLOOD_APPLIED = 400;

/** A smaller seed is no simpler one. */
const seeds = fc.noShrink(fc.nat());

describe.each([AWS, AZURE])('on $name', (platform) => {
  const { consumers } = telemetry;

  property(
    'a victim’s p99 beside 39 MB of padded events is at most twice what it is alone, in the state of each consumer',
    seeds,
    async (seed) => {
      const alone = await neighbours({ platform, consumers, seed });
      for (const flood of PACES) {
        const beside = await neighbours({ platform, consumers, seed, flood });
        expect(beside.floodApplied).toBe(FLOOD_APPLIED);
        expect(worstRatio(beside.delays, alone.delays)).toBeLessThanOrEqual(MOST);
      }
    },
    RUNS,
  );

  test('it is more than twice as long where all events share a lane', async () => {
    const alone = await neighbours({ platform, consumers, seed: SEED });
    const beside = await neighbours({ platform, consumers, seed: SEED, flood: 'straight', lanes: false });
    expect(worstRatio(beside.delays, alone.delays)).toBeGreaterThan(MOST);
  });
});
