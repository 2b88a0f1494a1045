// A load generator that costs little: raw keep-alive connections, each with one request at a time, and the answers' statuses and times.
import { connect, type Socket } from 'node:net';

export interface LoadOptions {
  readonly port: number;
  /** Requests under way at once. */
  readonly connections: number;
  /** Requests in all. */
  readonly requests: number;
  /** The whole request, head and body, of the given number. */
  readonly request: (index: number) => Buffer;
  /** Requests a second at most, over all connections; as fast as answers come unless given. */
  readonly rate?: number;
}

export interface LoadResult {
  readonly seconds: number;
  /** Status → answers. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Milliseconds of each request. */
  readonly latencies: Float64Array;
}

const HEAD_END = Buffer.from('\r\n\r\n');

/** Sends all requests and resolves when each has its answer. Rejects if a connection breaks or an answer has no length. */
export async function load({ port, connections, requests, request, rate }: LoadOptions): Promise<LoadResult> {
  const latencies = new Float64Array(requests);
  const statuses = new Map<number, number>();
  const began = performance.now();
  let next = 0;
  // With a rate, a request has a time to begin at; one that begins late counts from when it should have begun.
  const dueAt = (index: number) => (rate === undefined ? performance.now() : began + (index / rate) * 1000);

  const lane = () =>
    new Promise<void>((resolve, reject) => {
      const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
      let pending: Buffer = Buffer.alloc(0);
      let index = 0;
      let since = 0;
      const begin = () => {
        if (next === requests) {
          socket.end();
          resolve();
          return;
        }
        index = next;
        next += 1;
        since = dueAt(index);
        const wait = since - performance.now();
        const send = () => socket.write(request(index));
        if (wait <= 0) send();
        else
          setTimeout(() => {
            // A timer's own lateness is not the server's.
            since = performance.now();
            send();
          }, wait);
      };
      socket.once('connect', begin);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error(`The connection was closed after ${index} requests.`)));
      socket.on('data', (chunk) => {
        pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
        const head = pending.indexOf(HEAD_END);
        if (head < 0) return;
        const length = bodyLength(pending, head);
        if (length === undefined || pending.length < length) return;
        latencies[index] = performance.now() - since;
        const status = Number(pending.toString('latin1', 9, 12));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        pending = Buffer.alloc(0);
        begin();
      });
    });
  await Promise.all(Array.from({ length: connections }, lane));
  return { seconds: (performance.now() - began) / 1000, statuses, latencies };
}

/** Where the answer ends, or `undefined` if that is not to be seen yet. */
function bodyLength(answer: Buffer, head: number): number | undefined {
  const text = answer.toString('latin1', 0, head).toLowerCase();
  const length = /\r\ncontent-length: *(\d+)/.exec(text)?.[1];
  if (length !== undefined) return head + HEAD_END.length + Number(length);
  const end = answer.indexOf('\r\n0\r\n\r\n', head);
  return end < 0 ? undefined : end + 7;
}
