// One port for everything: the first byte that a client sends distinguishes AMQP, HTTP and HTTPS.
import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';

const HOST = '127.0.0.1';
const AMQP_FIRST_BYTE = 0x41;
const TLS_FIRST_BYTE = 0x16;

/** What is done with a client once its protocol is known. */
export interface Protocols {
  amqp(socket: Duplex): void;
  http: http.RequestListener;
  /** A request to change to another protocol, such as WebSocket. */
  upgrade?: (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;
  readonly certificate: { readonly key: string; readonly cert: string };
}

/** A listening socket that passes each connection on by its protocol. */
export class MultiplexedServer {
  private readonly server: net.Server;
  private readonly httpServer: http.Server;
  private readonly secureContext: tls.SecureContext;
  private readonly protocols: Protocols;
  private readonly sockets = new Set<net.Socket>();

  constructor(protocols: Protocols) {
    this.protocols = protocols;
    this.secureContext = tls.createSecureContext({ key: protocols.certificate.key, cert: protocols.certificate.cert });
    this.httpServer = http.createServer(protocols.http);
    // Clients decide how long an idle connection lives. A server that ends one may do so just as the next request is on its way,
    // which the client then sees as a reset.
    this.httpServer.keepAliveTimeout = 0;
    const { upgrade } = protocols;
    if (upgrade !== undefined) this.httpServer.on('upgrade', upgrade);
    this.server = net.createServer((socket) => this.accept(socket));
  }

  /** Listens on the loopback interface; port 0 picks a free one. The answer is the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => {
        const taken = error.code === 'EADDRINUSE';
        reject(
          taken ? new Error(`Port ${port} is already in use; choose another one for the Service Bus emulator.`) : error,
        );
      });
      this.server.listen(port, HOST, () => resolve((this.server.address() as net.AddressInfo).port));
    });
  }

  /** Stops listening and cuts every connection. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      for (const socket of this.sockets) socket.destroy();
      this.httpServer.closeAllConnections();
    });
  }

  private accept(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    this.sniff(socket, true);
  }

  private sniff(socket: net.Socket, tlsAllowed: boolean): void {
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      socket.unshift(chunk);
      const [first] = chunk;
      if (first === TLS_FIRST_BYTE && tlsAllowed) {
        // TLS takes over the handle and also reads what was put back; resuming would lose it.
        this.secure(socket);
        return;
      }
      if (first === AMQP_FIRST_BYTE) this.protocols.amqp(socket);
      else this.httpServer.emit('connection', socket);
      socket.resume();
    });
  }

  private secure(socket: net.Socket): void {
    const secured = new tls.TLSSocket(socket, { isServer: true, secureContext: this.secureContext });
    secured.on('error', () => secured.destroy());
    this.sniff(secured, false);
  }
}
