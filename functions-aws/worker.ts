// Lambda entry point of a consumer: one queue's messages in.
import type { QueueEvent } from '../adapters/aws/sqs-consumer.ts';
import { composeWorker } from './compose.ts';
import { readWorkerConfig } from './config.ts';

const work = composeWorker(readWorkerConfig(process.env));

export const handler = (event: QueueEvent, context: { getRemainingTimeInMillis(): number }) =>
  work(event, Date.now() + context.getRemainingTimeInMillis());
