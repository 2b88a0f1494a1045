// AWS clients for emulators, with the SDK's own retries off so that tests see every answer.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';

const config = (
  endpoint: string,
): {
  endpoint: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  maxAttempts: number;
} => ({
  endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
});
const opened: { destroy: () => void }[] = [];
afterAll(() => {
  for (const client of opened.splice(0)) client.destroy();
});
function track<T extends { destroy: () => void }>(client: T): T {
  opened.push(client);
  return client;
}

export const dynamodbClient = (endpoint: string): DynamoDBClient => track(new DynamoDBClient(config(endpoint)));
export const streamsClient = (endpoint: string): DynamoDBStreamsClient =>
  track(new DynamoDBStreamsClient(config(endpoint)));
export const snsClient = (endpoint: string): SNSClient => track(new SNSClient(config(endpoint)));
export const sqsClient = (endpoint: string): SQSClient => track(new SQSClient(config(endpoint)));
