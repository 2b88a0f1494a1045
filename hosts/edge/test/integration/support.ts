// An edge host around a small Worker, and how tests talk to it.
import https from 'node:https';
import path from 'node:path';
import { PATIENCE_MS } from '../../../processes/test/patience.ts';
import { EdgeHost, type EdgeHostOptions } from '../../edge-host.ts';

export const FIXTURE = path.join(__dirname, 'fixtures/worker.mjs');

/** How often a condition is asked for, in milliseconds. */
const EVERY_MS = 20;

/** Resolves with the first value of `ask`; rejects with its last complaint once it has been asked for long enough. */
export async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}

const started: EdgeHost[] = [];

/** Starts a host; `stopAll` ends it. */
export async function startHost(options: Partial<EdgeHostOptions> = {}): Promise<EdgeHost> {
  const host = new EdgeHost({ bundle: FIXTURE, ...options });
  started.push(host);
  await host.start();
  return host;
}

export async function stopAll(): Promise<void> {
  for (const host of started.splice(0)) await host.stop();
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: -- what the fixture answers is looked at by the test that asked
  readonly body: any;
}

/** Calls the Worker over plain HTTP. */
export async function call(host: EdgeHost, path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(`${host.url}/${path}`, init);
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

/** Calls the Worker over HTTPS, perhaps with a client certificate. */
export function callTls(
  host: EdgeHost,
  path: string,
  { body = '', ...options }: https.RequestOptions & { body?: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      `${host.tlsUrl}/${path}`,
      { method: 'POST', agent: false, ...options },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
