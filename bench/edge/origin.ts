// The origin behind every contender: takes any request and gives one small answer, at next to no cost.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';

const BODY = '{"accepted":1,"duplicates":0,"rejected":0,"results":[{"id":"1","source":"bench","status":"accepted"}]}';
const ANSWER = Buffer.from(
  `HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\nx-polycell-cell: bench\r\n\r\n${BODY}`,
);

export interface Origin {
  readonly port: number;
  /** The head of the latest request, as it came. */
  lastHead(): string;
  stop(): Promise<void>;
}

/** Starts it on a free port of 127.0.0.1. */
export async function startOrigin(): Promise<Origin> {
  let last = '';
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A contender that is stopped resets its connections.
    socket.on('error', () => socket.destroy());
    let pending = '';
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (;;) {
        const end = requestEnd(pending);
        if (end === undefined) return;
        last = pending.slice(0, pending.indexOf('\r\n\r\n'));
        pending = pending.slice(end);
        socket.write(ANSWER);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    lastHead: () => last,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Where the first request in the text ends, or `undefined` if it is not all there. */
function requestEnd(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return undefined;
  const fields = text.slice(0, head).toLowerCase();
  if (/\r\ntransfer-encoding: *chunked/.test(fields)) {
    const end = text.indexOf('0\r\n\r\n', head + 4);
    return end < 0 ? undefined : end + 5;
  }
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(fields)?.[1] ?? 0);
  return text.length < head + 4 + length ? undefined : head + 4 + length;
}
