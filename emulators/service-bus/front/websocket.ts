// AMQP over WebSocket: the handshake and the framing, seen from inside as a plain stream of bytes.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

const PATH = /^\/\$servicebus\/websocket\/?(?:\?|$)/i;
const PROTOCOL = 'AMQPWSB10';
/** Defined by RFC 6455; it proves that the server understood the request. */
const HANDSHAKE_KEY = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FINAL = 0x80;
const LONGEST_FRAME = 16 * 1024 * 1024;

/** Answers an upgrade request; undefined if it is not for AMQP, in which case the socket is closed. */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer): Duplex | undefined {
  const key = request.headers['sec-websocket-key'];
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const protocol = offered.find((name) => name.toUpperCase() === PROTOCOL);
  if (!PATH.test(request.url ?? '') || key === undefined || protocol === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    return undefined;
  }
  const accept = createHash('sha1').update(`${key}${HANDSHAKE_KEY}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: ${protocol}\r\n\r\n`,
  );
  return new WebSocketStream(socket, head);
}

/** The bytes inside the frames of a WebSocket. */
class WebSocketStream extends Duplex {
  private readonly socket: Duplex;
  private buffered: Buffer;

  constructor(socket: Duplex, head: Buffer) {
    super();
    this.socket = socket;
    this.buffered = head;
    socket.on('data', (chunk: Buffer) => this.unframe(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    socket.on('drain', () => this.emit('drain'));
    this.unframe(Buffer.alloc(0));
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(frame(OPCODE.binary, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.end(frame(OPCODE.close, Buffer.from([0x03, 0xe8])));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  private unframe(chunk: Buffer): void {
    this.buffered = this.buffered.length === 0 ? chunk : Buffer.concat([this.buffered, chunk]);
    for (let found = parse(this.buffered); found !== undefined; found = parse(this.buffered)) {
      this.buffered = this.buffered.subarray(found.length);
      this.onFrame(found.opcode, found.payload);
    }
  }

  private onFrame(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) this.socket.write(frame(OPCODE.pong, payload));
    else if (opcode === OPCODE.close) this.end();
    else if (opcode !== OPCODE.pong && !this.push(payload)) this.socket.pause();
  }
}

/** A frame from a server, which does not mask it. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = FINAL | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** The first complete frame of a client, its mask taken off. */
function parse(buffer: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (buffer.length < 2) return undefined;
  const [first = 0, second = 0] = buffer;
  let size = second & 0x7f;
  let at = 2;
  if (size === 126) {
    if (buffer.length < 4) return undefined;
    size = buffer.readUInt16BE(2);
    at = 4;
  } else if (size === 127) {
    if (buffer.length < 10) return undefined;
    size = Number(buffer.readBigUInt64BE(2));
    at = 10;
  }
  if (size > LONGEST_FRAME) throw new RangeError(`a WebSocket frame of ${size} bytes`);
  const masked = (second & 0x80) !== 0;
  const start = at + (masked ? 4 : 0);
  if (buffer.length < start + size) return undefined;
  const payload = Buffer.from(buffer.subarray(start, start + size));
  if (masked)
    for (let index = 0; index < size; index++) payload[index] = (payload[index] ?? 0) ^ (buffer[at + (index % 4)] ?? 0);
  return { opcode: first & 0x0f, payload, length: start + size };
}
