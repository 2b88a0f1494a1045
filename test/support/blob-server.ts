// Serves containers and block blobs as Blob Storage does, as far as an export needs it: to put, get and remove blobs, with an account's key.
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** The account and key that every emulator of Azure Storage has: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite */
export const STORAGE_ACCOUNT = 'devstoreaccount1';
export const STORAGE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Headers of a request that is signed, in their order: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key */
const SIGNED = [
  ...['content-encoding', 'content-language', 'content-length', 'content-md5', 'content-type', 'date'],
  ...['if-modified-since', 'if-match', 'if-none-match', 'if-unmodified-since', 'range'],
] as const;

function signatureOf({ method = '', headers }: IncomingMessage, url: URL): string {
  const of = (name: string): string => {
    const value = String(headers[name] ?? '');
    return name === 'content-length' && value === '0' ? '' : value;
  };
  const ours = Object.keys(headers).filter((name) => name.startsWith('x-ms-'));
  const parameters = [...url.searchParams].sort(([one], [other]) => (one < other ? -1 : 1));
  const text = [
    ...[method, ...SIGNED.map(of)],
    ...ours.sort().map((name) => `${name}:${of(name)}`),
    [`/${STORAGE_ACCOUNT}${url.pathname}`, ...parameters.map(([name, value]) => `${name}:${value}`)].join('\n'),
  ].join('\n');
  return createHmac('sha256', Buffer.from(STORAGE_KEY, 'base64')).update(text).digest('base64');
}

/** Returns a server at a free port. */
export function blobServer() {
  const containers = new Map<string, Map<string, Buffer>>();
  let endpoint = '';

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request;
    const url = new URL(request.url ?? '/', 'http://storage');
    const body = await buffer(request);
    const fail = (status: number, code: string) =>
      response
        .writeHead(status, { 'content-type': 'application/xml', 'x-ms-error-code': code })
        .end(method === 'HEAD' ? undefined : `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
    if (request.headers.authorization !== `SharedKey ${STORAGE_ACCOUNT}:${signatureOf(request, url)}`)
      return void fail(403, 'AuthenticationFailed');
    const [, , container = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const blobs = containers.get(container);
    const name = rest.join('/');
    if (url.searchParams.get('restype') === 'container' && method === 'PUT') {
      if (blobs !== undefined) return void fail(409, 'ContainerAlreadyExists');
      containers.set(container, new Map());
      return void response.writeHead(201).end();
    }
    if (blobs === undefined) return void fail(404, 'ContainerNotFound');
    if (url.searchParams.get('restype') === 'container') return void response.writeHead(200).end();
    if (method === 'PUT' && request.headers['x-ms-blob-type'] === 'BlockBlob') {
      blobs.set(name, body);
      return void response.writeHead(201).end();
    }
    const blob = blobs.get(name);
    if (blob === undefined) return void fail(404, 'BlobNotFound');
    if (method === 'DELETE') {
      blobs.delete(name);
      return void response.writeHead(202).end();
    }
    if (method !== 'GET' && method !== 'HEAD') return void fail(405, 'UnsupportedHttpVerb');
    const etag = `"${createHash('sha256').update(blob).digest('hex')}"`;
    response.writeHead(200, { 'content-length': blob.length, 'x-ms-blob-type': 'BlockBlob', etag }).end(blob);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  // A busy machine leaves connections idle for longer than the SDK expects them to end.
  server.keepAliveTimeout = 60_000;
  return {
    /** With the account's name, as emulators have it. */
    get endpoint() {
      return endpoint;
    },
    async start() {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${STORAGE_ACCOUNT}`;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
