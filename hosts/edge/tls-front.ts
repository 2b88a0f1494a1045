// HTTPS in front of the edge: ends TLS, asks for a client certificate, and vouches for what it saw, as Cloudflare does.
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Gate } from './gate.ts';

export interface TlsFrontOptions {
  /** Of the server, in PEM; its issuer may follow. */
  readonly certificate: string;
  readonly key: string;
  /** Whose client certificates are verified, in PEM. Others are passed on as not verified: it is the Worker that decides. */
  readonly clientCa: string;
  /** Port on 127.0.0.1; a free one without it. */
  readonly port?: number;
}

/** Where the front forwards requests to, and the header whose name it shares with that port alone. */
export interface TlsFrontTarget {
  /** Requests wait at it while the server behind restarts; none do without it. */
  readonly gate?: Gate;
  readonly port: number;
  readonly vouchHeader: string;
}

/** Bytes of a request's line and headers; https://developers.cloudflare.com/fundamentals/reference/connection-limits/ */
const MAXIMUM_HEADER_BYTES = 128 * 1024;

/** Connections to the edge at once; further requests wait. */
const MAXIMUM_CONNECTIONS = 256;

/** What concerns one connection alone; RFC 9110, section 7.6.1. An expectation has been met by then: Node.js sends `100 Continue`. */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export class TlsFront {
  readonly #target: TlsFrontTarget;
  readonly #port: number;
  readonly #server: https.Server;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: MAXIMUM_CONNECTIONS });

  constructor({ certificate, key, clientCa, port = 0 }: TlsFrontOptions, target: TlsFrontTarget) {
    this.#target = target;
    this.#port = port;
    const options = { cert: certificate, key, ca: clientCa, requestCert: true, rejectUnauthorized: false };
    this.#server = https.createServer({ ...options, maxHeaderSize: MAXIMUM_HEADER_BYTES }, (request, response) =>
      (target.gate ?? new Gate()).pass(() => this.#pass(request, response)),
    );
    // The platform's front keeps an idle connection for minutes. Closed after Node's 5 s, it would be reset just as a request arrives.
    this.#server.keepAliveTimeout = 0;
    // What does not even become a connection is between the client and its TLS library.
    this.#server.on('tlsClientError', () => undefined);
  }

  /** Only after `start`. */
  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** @throws Error naming the port if it is taken */
  async start(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new Error(`Port ${this.#port} is in use: choose another one, or stop the program that listens on it.`, {
        cause: error,
      });
    }
  }

  /** Cuts what is under way. Repeating it is harmless. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#agent.destroy();
  }

  #pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const socket = request.socket as TLSSocket;
    const { port, vouchHeader } = this.#target;
    const onward = http.request({
      port,
      host: '127.0.0.1',
      agent: this.#agent,
      method: request.method,
      path: request.url,
      headers: [...endToEnd(request), vouchHeader, asciiJson(vouch(socket))],
      setHost: false,
    });
    const giveUp = () => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    };
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer));
      answer.pipe(response);
      answer.on('error', giveUp);
    });
    onward.on('error', giveUp);
    // A client that goes away takes its request with it.
    request.on('error', () => onward.destroy());
    response.on('close', () => {
      if (!response.writableFinished) onward.destroy();
    });
    request.pipe(onward);
  }
}

/** The headers as they came, repeated ones included, without those of the connection; the body is framed anew. */
function endToEnd({ rawHeaders, headers }: http.IncomingMessage): string[] {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.has(lower)) kept.push(name, value);
  }
  return kept;
}

/** A header holds ASCII; a certificate's names may be in any script. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** What the edge learns of the connection: its TLS version and the client's certificate, in Cloudflare's fields. */
function vouch(socket: TLSSocket): object {
  const tls = socket.getProtocol() ?? '';
  const { raw } = socket.getPeerCertificate();
  if (raw === undefined) return { tls };
  const certificate = new X509Certificate(raw);
  const fingerprint = (algorithm: string) => createHash(algorithm).update(raw).digest('hex');
  // Node types it as an error; what it holds is OpenSSL's code.
  const fault = socket.authorized ? undefined : String(socket.authorizationError);
  return {
    tls,
    certificate: {
      der: raw.toString('base64'),
      // https://developers.cloudflare.com/ssl/client-certificates/client-certificate-variables/
      fields: {
        certPresented: '1',
        certVerified: fault === undefined ? 'SUCCESS' : `FAILED:${fault}`,
        certRevoked: '0',
        certIssuerDN: certificate.issuer.split('\n').reverse().join(','),
        certSubjectDN: certificate.subject.split('\n').reverse().join(','),
        certSerial: certificate.serialNumber,
        certFingerprintSHA1: fingerprint('sha1'),
        certFingerprintSHA256: fingerprint('sha256'),
        certNotBefore: certificate.validFrom,
        certNotAfter: certificate.validTo,
      },
    },
  };
}
