// The Lambda entry point of a bad release of the consumers.
import type { QueueEvent } from '../../adapters/aws/sqs-consumer.ts';
import { composeWorker } from '../../functions-aws/compose.ts';
import { readWorkerConfig } from '../../functions-aws/config.ts';
import { faulty } from './faulty.ts';

const work = composeWorker(readWorkerConfig(process.env), { consumer: faulty });

export const handler = (event: QueueEvent, context: { getRemainingTimeInMillis(): number }) =>
  work(event, Date.now() + context.getRemainingTimeInMillis());
