// AMQP over WebSockets: the same client, through the same port, with the framing of an independent implementation.
import https from 'node:https';
import { WebSocket } from 'ws';
import { DEVELOPMENT_CERTIFICATE } from '../../certificate.ts';
import { first, type Harness, openHarness } from './support.ts';

const { cert: ca } = DEVELOPMENT_CERTIFICATE;

describe('WebSockets', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await openHarness();
    harness.emulator.createQueue('q');
  });

  afterEach(() => harness.close());

  test('carry messages of every size both ways', async () => {
    const client = harness.connect({ webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions: { ca } } });
    const sender = client.createSender('q');
    const receiver = client.createReceiver('q');
    for (const size of [10, 1_000, 60_000, 200_000]) {
      await sender.sendMessages({ body: 'x'.repeat(size) });
      const message = first(await receiver.receiveMessages(1));
      expect(message.body).toHaveLength(size);
      await receiver.completeMessage(message);
    }
    expect(harness.emulator.messages('q')).toEqual([]);
  });

  test('are refused on any other path', async () => {
    const port = Number(/:(\d+);/.exec(harness.connectionString)?.[1]);
    const status = await new Promise((resolve, reject) => {
      const request = https.request({
        host: '127.0.0.1',
        port,
        ca,
        path: '/elsewhere',
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-key': 'x',
          'sec-websocket-version': '13',
        },
      });
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      request.end();
    });
    expect(status).toBe(400);
  });
});
