// A request as it stands, with no client that tidies paths or headers up, and its answer as it came.
import http from 'node:http';
import https from 'node:https';
import { PATIENCE_MS } from '../support/patience.ts';

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array;
  readonly chunked: boolean;
}

export interface WireAnswer {
  readonly status: number;
  /** Names as they came, repeated ones joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends one request on a connection of its own. */
export function send(base: string, { method, path, headers, body, chunked }: WireRequest): Promise<WireAnswer> {
  const { hostname, port, protocol, host } = new URL(base);
  const isPublic = protocol === 'https:';
  const client = isPublic ? https : http;
  const bytes = Buffer.from(body);
  const isBodiless = bytes.length === 0 && ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE'].includes(method);
  // Without the header Node would count the bytes of a chunked body, and send their length.
  const length = chunked
    ? { 'transfer-encoding': 'chunked' }
    : isBodiless
      ? {}
      : { 'content-length': String(bytes.length) };
  return new Promise((resolve, reject) => {
    const request = client.request(
      // A cell's port on this machine differs from the other's; the host header must not. A public address has one of its own.
      {
        ...{ hostname, port, method, path, agent: false },
        headers: { host: isPublic ? host : 'cell.test', ...length, ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: joined(response.rawHeaders),
            body: Buffer.concat(chunks).toString('latin1'),
          }),
        );
      },
    );
    request.setTimeout(PATIENCE_MS, () => request.destroy(new Error(`${method} ${path} got no answer.`)));
    request.on('error', reject);
    request.end(bytes);
  });
}

function joined(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}
