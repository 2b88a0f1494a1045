// Readings on their way to the consumers of telemetry, in two workers.

import type { Delivery, Script } from '../../../../test/support/deliveries.ts';
import { READING } from '../../../../test/support/events.ts';
import {
  deliver as deliverEvents,
  type World as EngineWorld,
  world as engineWorld,
  onItsWay,
  TENANT,
} from '../../../../test/support/world.ts';
import type { Application } from '../../../domain/application.ts';
import { eventKey } from '../../../events/cloud-event.ts';
import type { Consumer } from '../../../pipeline/consumer.ts';
import type { Json } from '../../../ports/json.ts';
import { telemetry } from '../domain.ts';
import { EPOCH, type Made, SOURCE, timeOf, toCandidate } from './telemetry-model.ts';

export { TENANT };

export const DEVICE = 'pump-1';

/** An application of telemetry alone. */
export const TELEMETRY: Application = [telemetry];

export interface World extends EngineWorld {
  /** Stores readings in the log, as a client's request does. */
  store(readings: readonly Made[]): Promise<void>;
}

const candidateOf = (made: Made) => toCandidate(made, DEVICE);

/** A log and a state that are empty. */
export function world(script: Script = []): World {
  const here = engineWorld({ application: TELEMETRY, script, start: (EPOCH + 1_000_000) * 1000 });
  return { ...here, store: (readings) => here.ingest(readings.map(candidateOf)) };
}

/** A reading on its way to a consumer. */
export const delivered = (made: Made) => onItsWay(candidateOf(made));

/** Something in the log that is no reading though it says so: a release that checked less let it in. */
export async function storePoison({ events }: World, second: number, data: Json): Promise<void> {
  const event = { ...delivered({ id: `poison-${second}`, second, metric: '', value: 0 }).event, data };
  const body = { id: event.id, source: SOURCE, type: READING, data };
  await events.append([{ ...eventKey(TENANT, event), body }]);
}

/** Delivers readings, in two workers at once. */
export const deliver = (
  here: World,
  consumer: Consumer,
  readings: readonly Made[],
  deliveries: readonly Delivery[],
): Promise<void> => deliverEvents(here, consumer, readings.map(candidateOf), deliveries);

/** The instant of a reading as the log's ids begin. */
export const sortKeyOf = (made: Made): string => timeOf(made).slice(0, -1);
