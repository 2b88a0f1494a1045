// AWS clients for emulators, as functions-aws makes them: the SDK's own retries are off, the adapters retry.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { S3 } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';

const config = (endpoint: string) => ({
  endpoint,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
});

export const dynamodbClient = (endpoint: string) => new DynamoDBClient(config(endpoint));
export const streamsClient = (endpoint: string) => new DynamoDBStreamsClient(config(endpoint));
export const snsClient = (endpoint: string) => new SNSClient(config(endpoint));
export const sqsClient = (endpoint: string) => new SQSClient(config(endpoint));
export const s3Client = (endpoint: string) => new S3({ ...config(endpoint), forcePathStyle: true });
