// Wires a container's parts to Azure: the same handlers as the functions', and clients that pull.
import { CosmosFeed } from '../../adapters/azure/cosmos-feed.ts';
import { ServiceBusSource } from '../../adapters/azure/service-bus-source.ts';
import {
  composeApi,
  composeChanges,
  composeConsumers,
  type Overrides,
  platform,
  serviceBusClient,
  stores,
} from '../../functions-azure/compose.ts';
import type { Part } from '../part.ts';
import { consumerPart, httpPart, type PartDeps, relayPart } from '../parts.ts';
import type { ContainerConfig } from './config.ts';

/** The parts that the container runs. */
export function compose(
  config: ContainerConfig,
  exit: (code: number) => void,
  overrides: Overrides = {},
): readonly Part[] {
  const deps: PartDeps = { ...platform(overrides), exit };
  const parts: Part[] = [];
  if (config.http !== undefined && config.port !== undefined)
    parts.push(
      httpPart(
        config.port,
        composeApi(config.http, overrides),
        { ...stores(config.http, deps), cell: config.http.cell },
        deps,
      ),
    );
  if (config.relayed !== undefined) {
    const { client, state } = stores(config.relayed, deps);
    const feed = new CosmosFeed({ container: client.database(config.relayed.database).container('events') });
    parts.push(relayPart(feed, state, composeChanges(config.relayed, overrides), deps));
  }
  if (config.worker !== undefined) {
    const client = serviceBusClient(config.worker.connections.serviceBus, deps);
    const { topic } = config.worker;
    for (const handlers of composeConsumers(config.worker, overrides)) {
      const { name: subscription } = handlers.declaration;
      if (!config.consumers.includes(subscription)) continue;
      const source = (deadLetters: boolean) => new ServiceBusSource({ client, topic, subscription, deadLetters });
      parts.push(consumerPart({ ...handlers, queue: source(false), deadLetterQueue: source(true) }, deps));
    }
  }
  return parts;
}
