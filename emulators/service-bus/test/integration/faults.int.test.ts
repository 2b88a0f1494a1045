// Faults and control: what the SDK makes of a misbehaving service, and what other processes can ask for over HTTP.
import http from 'node:http';
import net from 'node:net';
import { ServiceBusEmulator } from '../../emulator.ts';
import { codeOf, deferred, first, type Harness, openHarness } from './support.ts';

const PATIENT = { maxRetries: 3, retryDelayInMs: 10, timeoutInMs: 5_000 };

describe('faults', () => {
  let harness: Harness;
  let port: number;

  beforeEach(async () => {
    harness = await openHarness();
    port = Number(/:(\d+);/.exec(harness.connectionString)?.[1]);
    harness.emulator.createQueue('q');
  });

  afterEach(() => harness.close());

  const call = (method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> =>
    new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port, method, path, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });

  test('throttling is reported as server-busy, and a client that retries gets through', async () => {
    const { client, connect, emulator } = harness;
    emulator.throttle(1);
    expect(await codeOf(client.createSender('q').sendMessages({ body: 1 }))).toBe('ServiceBusy');
    emulator.throttle(2);
    await connect({ retryOptions: PATIENT }).createSender('q').sendMessages({ body: 2 });
    expect(emulator.messages('q').map(({ body }) => body)).toEqual(['2']);
    emulator.throttle(1);
    expect(await codeOf(client.createReceiver('q').peekMessages(1))).toBe('ServiceBusy');
  });

  test('the next sends can be refused, for one entity or any', async () => {
    const { client, emulator } = harness;
    emulator.createQueue('other');
    emulator.rejectSends(1, 'amqp:resource-limit-exceeded', 'q');
    await client.createSender('other').sendMessages({ body: 1 });
    const sender = client.createSender('q');
    expect(await codeOf(sender.sendMessages({ body: 1 }))).toBe('QuotaExceeded');
    await sender.sendMessages({ body: 2 });
    expect(emulator.messages('q')).toHaveLength(1);
  });

  test('a lost lock fails the settlement', async () => {
    const { client, emulator } = harness;
    await client.createSender('q').sendMessages({ body: 1 });
    const receiver = client.createReceiver('q');
    const message = first(await receiver.receiveMessages(1));
    expect(emulator.loseLocks('q')).toBe(1);
    expect(await codeOf(receiver.completeMessage(message))).toBe('MessageLockLost');
  });

  test('a detached sender and a cut connection are opened again by the client', async () => {
    const { connect, emulator } = harness;
    const sender = connect({ retryOptions: PATIENT }).createSender('q');
    await sender.sendMessages({ body: 1 });
    expect(emulator.detachLinks({ path: 'q' })).toBe(1);
    const again = connect({ retryOptions: PATIENT }).createSender('q');
    await again.sendMessages({ body: 2 });
    expect(emulator.disconnect()).toBeGreaterThan(0);
    await connect({ retryOptions: PATIENT }).createSender('q').sendMessages({ body: 3 });
    await sender.sendMessages({ body: 4 });
    expect(emulator.messages('q').map(({ body }) => body)).toEqual(['1', '2', '3', '4']);
  });

  test('a subscriber survives a detached link and a cut connection', async () => {
    const { connect, client, emulator } = harness;
    const seen: unknown[] = [];
    const got = [deferred<void>(), deferred<void>(), deferred<void>()];
    const receiver = connect({ retryOptions: PATIENT }).createReceiver('q');
    const subscription = receiver.subscribe(
      {
        async processMessage(message) {
          seen.push(message.body);
          // Only what was answered is out of the way of the next fault.
          await receiver.completeMessage(message);
          got[Number(message.body)]?.resolve();
        },
        processError: async () => undefined,
      },
      { autoCompleteMessages: false },
    );
    const sender = client.createSender('q');
    await sender.sendMessages({ body: 0 });
    await got[0]?.promise;
    emulator.detachLinks({ path: 'q' });
    await connect().createSender('q').sendMessages({ body: 1 });
    await got[1]?.promise;
    emulator.disconnect();
    await connect({ retryOptions: PATIENT }).createSender('q').sendMessages({ body: 2 });
    await got[2]?.promise;
    await subscription.close();
    expect(seen).toEqual([0, 1, 2]);
  });

  test('latency holds sends back', async () => {
    const { client, emulator } = harness;
    const sender = client.createSender('q');
    await sender.sendMessages({ body: 0 });
    emulator.setLatency(150);
    const started = performance.now();
    await sender.sendMessages({ body: 1 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(140);
  });

  test('reset forgets messages and faults but keeps entities', async () => {
    const { client, emulator } = harness;
    await client.createSender('q').sendMessages({ body: 1 });
    emulator.throttle(5);
    emulator.reset();
    expect(emulator.messages('q')).toEqual([]);
    await client.createSender('q').sendMessages({ body: 2 });
    emulator.reset({ entities: true });
    expect(emulator.entities()).toEqual([]);
  });

  test('everything can be done over HTTP', async () => {
    const { client, emulator } = harness;
    expect(await call('GET', '/health')).toEqual({ status: 200, body: { status: 'healthy' } });
    await client.createSender('q').sendMessages({ body: 'x', messageId: 'm' });
    expect(await call('GET', '/_control/entities')).toMatchObject({
      status: 200,
      body: { entities: [{ path: 'q', active: 1 }, { path: 'q/$DeadLetterQueue' }, {}] },
    });
    expect(await call('GET', '/_control/messages?path=q')).toMatchObject({
      body: { messages: [{ messageId: 'm', body: '"x"', state: 'active' }] },
    });
    expect((await call('GET', '/_control/messages?path=none')).status).toBe(404);
    const before = emulator.clock.now();
    await call('POST', '/_control/clock', { advanceMs: 60_000 });
    expect(emulator.clock.now() - before).toBeGreaterThanOrEqual(60_000);
    await call('POST', '/_control/reject-sends', { count: 1, condition: 'amqp:not-allowed' });
    await call('POST', '/_control/throttle', { count: 1 });
    await call('POST', '/_control/latency', { ms: 1 });
    expect((await call('GET', '/_control/faults')).body).toEqual({
      latencyMs: 1,
      throttledRequests: 1,
      rejectedSends: 1,
    });
    await call('DELETE', '/_control/faults');
    expect((await call('POST', '/_control/detach', { path: 'q' })).body).toEqual({ detached: 1 });
    expect((await call('POST', '/_control/lose-locks')).body).toEqual({ lost: 0 });
    expect((await call('POST', '/_control/disconnect')).body).toEqual({ disconnected: 1 });
    await call('POST', '/_control/entities', { topic: 't' });
    await call('POST', '/_control/entities', { topic: 't', subscription: 's' });
    expect(emulator.namespace.subscription('t', 's')?.name).toBe('s');
    await call('POST', '/_control/reset');
    expect(emulator.messages('q')).toEqual([]);
    expect((await call('POST', '/_control/clock', { advanceMs: 'x' })).status).toBe(400);
    expect((await call('POST', '/_control/nothing')).status).toBe(404);
  });

  test('a port that is taken is named', async () => {
    await expect(new ServiceBusEmulator({ port }).start()).rejects.toThrow(`Port ${port} is already in use`);
  });

  test('garbage on the port affects no other connection', async () => {
    for (const bytes of [
      'AMQP\u0000\u0009\u0009\u0009',
      'AMQP\u0000\u0001\u0000\u0000\u0000\u0000\u0000\u0001\u0002\u0000\u0000\u0000',
      'GET / HTTP/9\r\n\r\n',
    ]) {
      const socket = net.connect(port, '127.0.0.1');
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(Buffer.from(bytes, 'latin1'));
      await closed;
    }
    await harness.client.createSender('q').sendMessages({ body: 1 });
    expect(harness.emulator.messages('q')).toHaveLength(1);
  });
});
