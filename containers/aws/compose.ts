// Wires a container's parts to AWS: the same handlers as the functions', and clients that pull.
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDbFeed } from '../../adapters/aws/dynamodb-feed.ts';
import { SqsSource } from '../../adapters/aws/sqs-source.ts';
import { withoutLog } from '../../adapters/aws/without-log.ts';
import { ANSWERING } from '../../adapters/otlp/exporter.ts';
import { DEAD_LETTER_SUFFIX, LANE_NAMES, queueOf } from '../../core/cell/topology.ts';
import {
  CLIENT,
  composeApi,
  composeChanges,
  composeConsumer,
  type Overrides,
  stores,
} from '../../functions-aws/compose.ts';
import { exporting } from '../container.ts';
import type { Part } from '../part.ts';
import { consumerPart, httpPart, type PartDeps, relayPart } from '../parts.ts';
import type { ContainerConfig } from './config.ts';

/** A question that waits for a message takes longer than any other; in milliseconds. */
const LONG_POLL = { ...CLIENT, requestHandler: { ...CLIENT.requestHandler, requestTimeout: 15_000 } } as const;

/** The parts that the container runs. */
export function compose(config: ContainerConfig, deps: PartDeps, overrides: Overrides = {}): readonly Part[] {
  const parts: Part[] = [];
  if (config.http !== undefined && config.port !== undefined) {
    const { handle, telemetry } = composeApi(config.http, overrides);
    const cell = { ...stores(config.http, deps), cell: config.http.cell };
    parts.push(httpPart(config.port, exporting(telemetry, handle), cell, deps));
  }
  if (config.relayed !== undefined) {
    const { region, eventsTable } = config.relayed;
    const { streams: endpoint } = config.endpoints;
    const client = withoutLog(
      new DynamoDBStreamsClient({ ...CLIENT, region, ...(endpoint !== undefined && { endpoint }) }),
    );
    const feed = new DynamoDbFeed({ client, table: eventsTable, log: deps.log });
    const { state } = stores(config.relayed, deps);
    const { handle, telemetry } = composeChanges(config.relayed, overrides, ANSWERING);
    parts.push(relayPart(feed, state, exporting(telemetry, handle), deps));
  }
  for (const worker of config.workers) {
    const { sqs: endpoint } = config.endpoints;
    const source = (name: string) => {
      const client = withoutLog(
        new SQSClient({
          ...LONG_POLL,
          region: worker.region,
          ...(endpoint !== undefined && { endpoint }),
        }),
      );
      return new SqsSource({ client, queueUrl: `${config.queues}-${name}` });
    };
    const sources = {
      queues: LANE_NAMES.map((lane) => source(queueOf(worker.consumer, lane))),
      deadLetterQueues: [source(worker.consumer + DEAD_LETTER_SUFFIX)],
    };
    const { declaration, telemetry, ...handlers } = composeConsumer(worker, overrides, ANSWERING);
    const deliver = exporting(telemetry, handlers.deliver);
    const deadLetters = exporting(telemetry, handlers.deadLetters);
    parts.push(consumerPart({ declaration, deliver, deadLetters, ...sources }, deps));
  }
  return parts;
}
