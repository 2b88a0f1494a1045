// The least that a function on DynamoDB can be: one client, one PutItem.
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';

const endpoint = process.env.AWS_ENDPOINT_URL_DYNAMODB;
const client = new DynamoDBClient({
  region: process.env.AWS_REGION ?? '',
  ...(endpoint !== undefined && { endpoint }),
});

export const handler = async (): Promise<void> => {
  await client.send(new PutItemCommand({ TableName: 'bench', Item: { p: { S: 'p' }, s: { S: 's' } } }));
};
