// AMQP over WebSocket: a connection's bytes travel in binary messages, whose borders mean nothing.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';

const PATH = /^\/\$servicebus\/websocket\/?(?:\?|$)/i;
const PROTOCOL = 'AMQPWSB10';
/** Bytes of the longest message that is taken. */
const MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

const server = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_SIZE,
  handleProtocols: (offered) => [...offered].find(isAmqp) ?? false,
});

/** Answers an upgrade request; `accept` gets the stream inside. What is not for AMQP is refused with status 400. */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  accept: (stream: Duplex) => void,
): void {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  if (!PATH.test(request.url ?? '') || !offered.some((name) => isAmqp(name.trim()))) {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    return;
  }
  server.handleUpgrade(request, socket, head, (opened) => accept(createWebSocketStream(opened)));
}

function isAmqp(protocol: string): boolean {
  return protocol.toUpperCase() === PROTOCOL;
}
