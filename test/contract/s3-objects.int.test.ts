// The contract of objects, kept by S3Objects against the emulator of S3.
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { S3Objects } from '../../adapters/aws/s3-objects.ts';
import { SnsSqsEmulator } from '../../emulators/sns-sqs/sns-sqs-emulator.ts';
import { s3Client } from './aws/clients.ts';
import { codeOf } from './contract.ts';
import { objectsContract } from './objects.contract.ts';

// It serves S3 as well.
const emulator = new SnsSqsEmulator();
beforeAll(() => emulator.start());
afterAll(() => emulator.stop());

let buckets = 0;

const open = async () => {
  const client = s3Client(emulator.endpoint);
  const bucket = `exports-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return { client, bucket };
};

objectsContract('S3', async () => {
  const { client, bucket } = await open();
  return {
    objects: new S3Objects({ client, bucket, prefix: 'acme/' }),
    other: new S3Objects({ client, bucket, prefix: '' }),
    missing: new S3Objects({ client, bucket: 'no-such-bucket', prefix: '' }),
    close: async () => client.destroy(),
  };
});

test('says where the bucket lies, and that there is none', async () => {
  const { client, bucket } = await open();
  expect(await new S3Objects({ client, bucket, prefix: '' }).region()).toBe('eu-central-1');
  expect(await codeOf(new S3Objects({ client, bucket: 'no-such-bucket', prefix: '' }).region())).toBe('not-found');
  client.destroy();
});

test('an emulator that does not answer is no place that is missing', async () => {
  const client = s3Client('http://127.0.0.1:9');
  const objects = new S3Objects({ client, bucket: 'exports', prefix: '' });
  expect(await codeOf(objects.put('a', new Uint8Array()))).toBe('unavailable');
  client.destroy();
});
