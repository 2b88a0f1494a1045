// The consumers of the built-in domain by name. An application adds its own here and declares it in the topology.
import type { Consumer } from '../../pipeline/consumer.ts';
import type { DerivedDeps } from '../../pipeline/derived-consumer.ts';
import { deviceStateConsumer } from './device-state.ts';
import { rollupsConsumer } from './rollups.ts';

/** Makes every consumer. */
export function consumers(deps: DerivedDeps): Readonly<Record<string, Consumer>> {
  return Object.fromEntries(
    [deviceStateConsumer(deps), rollupsConsumer(deps)].map((consumer) => [consumer.name, consumer]),
  );
}
