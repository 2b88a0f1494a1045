// Wires a container's parts to Azure: the same handlers as the functions', and clients that pull.
import { CosmosFeed } from '../../adapters/azure/cosmos-feed.ts';
import { ServiceBusSource } from '../../adapters/azure/service-bus-source.ts';
import { ANSWERING } from '../../adapters/otlp/exporter.ts';
import { LANE_NAMES, queueOf } from '../../core/cell/topology.ts';
import {
  composeApi,
  composeChanges,
  composeConsumers,
  type Overrides,
  serviceBusClient,
  stores,
} from '../../functions-azure/compose.ts';
import { exporting } from '../container.ts';
import type { Part } from '../part.ts';
import { consumerPart, httpPart, type PartDeps, relayPart } from '../parts.ts';
import type { ContainerConfig } from './config.ts';

/** The parts that the container runs. */
export function compose(config: ContainerConfig, deps: PartDeps, overrides: Overrides = {}): readonly Part[] {
  const parts: Part[] = [];
  if (config.http !== undefined && config.port !== undefined) {
    const { handle, telemetry } = composeApi(config.http, overrides);
    const cell = { ...stores(config.http, deps), cell: config.http.cell };
    parts.push(httpPart(config.port, exporting(telemetry, handle), cell, deps));
  }
  if (config.relayed !== undefined) {
    const { client, state } = stores(config.relayed, deps);
    const feed = new CosmosFeed({ container: client.database(config.relayed.database).container('events') });
    const { handle, telemetry } = composeChanges(config.relayed, overrides, ANSWERING);
    parts.push(relayPart(feed, state, exporting(telemetry, handle), deps));
  }
  if (config.worker !== undefined) {
    const client = serviceBusClient(config.worker.connections.serviceBus, deps);
    const { topic } = config.worker;
    for (const { declaration, telemetry, ...handlers } of composeConsumers(config.worker, overrides, ANSWERING)) {
      const { name } = declaration;
      if (!config.consumers.includes(name)) continue;
      const source = (subscription: string, deadLetters: boolean) =>
        new ServiceBusSource({ client, topic, subscription, deadLetters });
      const subscriptions = LANE_NAMES.map((lane) => queueOf(name, lane));
      const deliver = exporting(telemetry, handlers.deliver);
      const deadLetters = exporting(telemetry, handlers.deadLetters);
      const sources = {
        queues: subscriptions.map((each) => source(each, false)),
        deadLetterQueues: subscriptions.map((each) => source(each, true)),
      };
      parts.push(consumerPart({ declaration, deliver, deadLetters, ...sources }, deps));
    }
  }
  return parts;
}
