// The contract of objects, kept by BlobObjects against a server of Blob Storage's operations, or another one that is named.
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { BlobObjects } from '../../adapters/azure/blob-objects.ts';
import { STORAGE_ACCOUNT, STORAGE_KEY } from '../support/blob-server.ts';
import { blobStorage } from '../support/contract-servers.ts';
import { codeOf } from './contract.ts';
import { objectsContract } from './objects.contract.ts';

const server = blobStorage();
beforeAll(() => server.start());
afterAll(() => server.stop());

const serviceAt = (endpoint: string, key = STORAGE_KEY) =>
  new BlobServiceClient(endpoint, new StorageSharedKeyCredential(STORAGE_ACCOUNT, key), {
    retryOptions: { maxTries: 1 },
  });

objectsContract('Blob Storage', async () => {
  const service = serviceAt(server.endpoint);
  const { containerClient: container } = await service.createContainer(server.name('exports'));
  return {
    objects: new BlobObjects({ container, prefix: 'acme/' }),
    other: new BlobObjects({ container, prefix: '' }),
    missing: new BlobObjects({ container: service.getContainerClient('no-such-container'), prefix: '' }),
    close: async () => undefined,
  };
});

test('a key that is none of the account’s is denied', async () => {
  const { containerClient } = await serviceAt(server.endpoint).createContainer(server.name('exports'));
  const foreign = serviceAt(server.endpoint, Buffer.from('another').toString('base64'));
  const container = foreign.getContainerClient(containerClient.containerName);
  expect(await codeOf(new BlobObjects({ container, prefix: '' }).put('a', new Uint8Array()))).toBe('denied');
});

test('a server that does not answer is no place that is missing', async () => {
  const container = serviceAt(`http://127.0.0.1:9/${STORAGE_ACCOUNT}`).getContainerClient('exports');
  expect(await codeOf(new BlobObjects({ container, prefix: '' }).put('a', new Uint8Array()))).toBe('unavailable');
});
