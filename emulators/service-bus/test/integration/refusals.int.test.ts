// What the service refuses when an entity is created, changed or opened, with the text that it gives.
import http from 'node:http';
import Long from 'long';
import { codeOf, first, type Harness, openHarness, textOf } from './support.ts';

const FORWARDS = 'Cannot create a message receiver on an entity with auto-forwarding enabled.';
const BROWSER = 'Cannot create a message browser on an entity with auto-forwarding enabled.';

describe('what the service refuses', () => {
  let harness: Harness;
  let port: number;

  beforeEach(async () => {
    harness = await openHarness();
    port = Number(/:(\d+);/.exec(harness.connectionString)?.[1]);
  });

  afterEach(() => harness.close());

  /** One request of the administration API over plain HTTP. */
  const request = (
    path: string,
    body: string | undefined,
    more: http.RequestOptions = {},
  ): Promise<{ status: number | undefined; text: string; headers: http.IncomingHttpHeaders }> =>
    new Promise((resolve, reject) => {
      const sent = http.request({ host: '127.0.0.1', port, path, method: 'PUT', ...more }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode,
            text: Buffer.concat(chunks).toString(),
            headers: response.headers,
          }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });

  const entry = (kind: string, content = ''): string =>
    `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><${kind}Description>${content}</${kind}Description></content></entry>`;

  test.each(['a@b', 'a*b', '$a', 'a b', 'zähler', 'a#b', 'a?b', 'a:b', 'a//b'])(
    'the name %p of a queue or topic',
    async (name) => {
      const path = `/${name.split('/').map(encodeURIComponent).join('/')}?api-version=2021-05`;
      const refusal =
        `SubCode=40000. 'https://127.0.0.1:${port}/${name}?api-version=2021-05' contains character(s) that is not allowed by Service Bus. ` +
        'Entity segments can contain only letters, numbers, periods (.), hyphens (-), and underscores (_).';
      for (const kind of ['Queue', 'Topic'])
        expect(await request(path, entry(kind))).toMatchObject({
          status: 400,
          text: expect.stringContaining(refusal.replaceAll("'", '&apos;')),
        });
      expect(harness.emulator.entities()).toEqual([]);
      expect(() => harness.emulator.createQueue(name)).toThrow('is not allowed by Service Bus');
      const config = { UserConfig: { Namespaces: [{ Name: 'n', Topics: [{ Name: name }] }] } };
      await expect(openHarness({ config })).rejects.toThrow(`topic ${name}: SubCode=40000.`);
    },
  );

  test('names of subscriptions and rules, over HTTP and over AMQP', async () => {
    const { admin, client, emulator } = harness;
    emulator.createTopic('t');
    emulator.createSubscription('t', 's');
    const refused = 'contains character(s) that is not allowed by Service Bus';
    expect(await request('/t/Subscriptions/a%20b', entry('Subscription'))).toMatchObject({
      status: 400,
      text: expect.stringContaining(
        `&apos;sb://127.0.0.1:${port}/t/subscriptions/a b?api-version=2021-05&apos; ${refused}`,
      ),
    });
    expect(await textOf(admin.createRule('t', 's', 'r*', { sqlExpression: '1=1' }))).toContain(refused);
    expect(await textOf(client.createRuleManager('t', 's').createRule('r@', { sqlExpression: '1=1' }))).toContain(
      `'sb://127.0.0.1/t/subscriptions/s/rules/r@?api-version=2021-05' ${refused}`,
    );
    const longest = 'x'.repeat(50);
    emulator.createSubscription('t', longest);
    expect(() => emulator.createSubscription('t', `${longest}x`)).toThrow('longer than 50 characters');
    expect(() => emulator.createQueue('x'.repeat(261))).toThrow('longer than 260 characters');
    await client.createRuleManager('t', 's').deleteRule('$Default');
    await client.createRuleManager('t', 's').createRule('$Default', { sqlExpression: '1=1' });
  });

  test('names that the service takes, encoded in a URL or not', async () => {
    const { admin, client, emulator } = harness;
    for (const name of ['a', 'A.b_c-d', 'a/b/c', 'Messages~Placed', '1', 'x'.repeat(260)])
      await admin.createQueue(name);
    expect(await request('/a%2Fb%2Fd', entry('Queue'))).toMatchObject({ status: 201 });
    expect(emulator.namespace.queue('a/b/d')?.name).toBe('a/b/d');
    await client.createSender('a%2fb%2fd').sendMessages({ body: 1 });
    expect(emulator.messages('a/b/d')).toHaveLength(1);
  });

  test('forwarding to what does not exist, to itself, or with sessions', async () => {
    const { admin, emulator } = harness;
    const missing = 'SubCode=40400. The auto forwarding destination entity does not exist.';
    const itself = 'Entity cannot have auto-forwarding policy to itself';
    emulator.createQueue('target');
    emulator.createTopic('t');
    emulator.createSubscription('t', 'target');
    for (const key of ['forwardTo', 'forwardDeadLetteredMessagesTo'] as const) {
      expect(await textOf(admin.createQueue('q', { [key]: 'missing' }))).toContain(missing);
      expect(await textOf(admin.createQueue('q', { [key]: 't/Subscriptions/target' }))).toContain(missing);
      expect(await textOf(admin.createQueue('q', { [key]: 'Q' }))).toContain(itself);
      expect(await textOf(admin.createSubscription('t', 's', { [key]: 'missing' }))).toContain(missing);
      expect(await textOf(admin.createSubscription('t', 's', { [key]: 't' }))).toContain(itself);
    }
    const sessions = { requiresSession: true, forwardTo: 'target' };
    expect(await textOf(admin.createQueue('q', sessions))).toContain('SubCode=40000. Bad Request.');
    expect(await textOf(admin.createSubscription('t', 's', sessions))).toContain('SubCode=40000. Bad Request.');
    expect(await admin.queueExists('q')).toBe(false);
    expect(await admin.subscriptionExists('t', 's')).toBe(false);

    const created = await admin.createQueue('q', { requiresSession: true, forwardDeadLetteredMessagesTo: 'target' });
    expect(await textOf(admin.updateQueue({ ...created, forwardTo: 'target' }))).toContain(
      'SubCode=40000. Bad Request.',
    );
    const plain = await admin.createQueue('plain');
    expect(await textOf(admin.updateQueue({ ...plain, forwardTo: 'missing' }))).toContain(missing);
    expect(() => emulator.createQueue('r', { forwardTo: 'missing' })).toThrow(missing);
  });

  test('forwarding of the configuration file may name what stands further down', async () => {
    const queue = (Name: string, ForwardTo: string) => ({ Name, Properties: { ForwardTo } });
    const config = (...Queues: object[]) => ({ config: { UserConfig: { Namespaces: [{ Name: 'n', Queues }] } } });
    const made = await openHarness(config(queue('a', 'b'), { Name: 'b' }));
    await made.client.createSender('a').sendMessages({ body: 1 });
    expect(made.emulator.messages('b')).toHaveLength(1);
    await made.close();
    await expect(openHarness(config(queue('a', 'c'), { Name: 'b' }))).rejects.toThrow('queue a: SubCode=40400.');
  });

  test('receiving from a queue that forwards, and from a dead-letter queue that does', async () => {
    const { admin, client, emulator } = harness;
    emulator.createQueue('target');
    emulator.createQueue('source', { forwardTo: 'target', forwardDeadLetteredTo: 'target' });
    const receive = (options = {}) => client.createReceiver('source', options).receiveMessages(1);
    expect(await textOf(receive())).toContain(FORWARDS);
    expect(await codeOf(receive())).toBe('GeneralError');
    expect(await textOf(receive({ subQueueType: 'deadLetter' }))).toContain(FORWARDS);
    const stuck = client.createReceiver('source', { subQueueType: 'transferDeadLetter' });
    expect(await stuck.receiveMessages(1, { maxWaitTimeInMs: 100 })).toEqual([]);
    expect(await textOf(client.createReceiver('source').peekMessages(1))).toContain(BROWSER);
    expect(await textOf(client.createSender('source').scheduleMessages({ body: 1 }, new Date()))).toContain(BROWSER);

    emulator.createQueue('later');
    const receiver = client.createReceiver('later');
    const failed = new Promise<Error>((resolve) => {
      receiver.subscribe({ processMessage: async () => undefined, processError: async ({ error }) => resolve(error) });
    });
    await client.createSender('later').sendMessages({ body: 'seen' });
    await admin.updateQueue({ ...(await admin.getQueue('later')), forwardTo: 'target' });
    expect((await failed).message).toContain(FORWARDS);
  });

  test('times that are too short or too long', async () => {
    const { admin, emulator } = harness;
    const window = (duplicateDetectionHistoryTimeWindow: string) =>
      admin.createQueue('q', { requiresDuplicateDetection: true, duplicateDetectionHistoryTimeWindow });
    for (const duration of ['P7DT1S', 'P8D', 'PT19S'])
      expect(await textOf(window(duration))).toContain('it must be between PT20S and P7D');
    for (const duration of ['P7D', 'PT20S']) {
      await window(duration);
      await admin.deleteQueue('q');
    }
    expect(await textOf(admin.createTopic('t', { duplicateDetectionHistoryTimeWindow: 'P8D' }))).toContain('P7D');
    expect(() => emulator.createQueue('q', { duplicateWindowMs: 7 * 86_400_000 + 1 })).toThrow('P7D');
    expect(await textOf(admin.createQueue('q', { lockDuration: 'PT5M1S' }))).toContain('between PT0.001S and PT5M');
    expect(await textOf(admin.createQueue('q', { autoDeleteOnIdle: 'PT4M' }))).toContain('AutoDeleteOnIdle');
    const changed = await admin.createQueue('q');
    expect(await textOf(admin.updateQueue({ ...changed, duplicateDetectionHistoryTimeWindow: 'P8D' }))).toContain(
      'P7D',
    );
    const other = await openHarness({ limits: { duplicateWindowMinMs: 1 } });
    other.emulator.createQueue('q', { duplicateWindowMs: 1 });
    await other.close();
  });

  test('what exists already, and what does not, in the words of the service', async () => {
    const { admin, client, emulator } = harness;
    emulator.createTopic('Topic');
    emulator.createSubscription('Topic', 'Sub');
    const exists = "The messaging entity '127.0.0.1:Topic:Topic|sub|$Default' already exists. To know more visit";
    const rules = client.createRuleManager('Topic', 'Sub');
    const again = rules.createRule('$Default', { sqlExpression: '1=1' });
    expect(await textOf(again)).toMatch(exists);
    expect(await textOf(admin.createRule('Topic', 'Sub', '$Default', { sqlExpression: '1=1' }))).toContain(exists);
    expect(await textOf(admin.createSubscription('topic', 'sub'))).toContain(
      "The messaging entity '127.0.0.1:Topic:Topic|sub' already exists.",
    );
    expect(await textOf(admin.createQueue('topic'))).toContain(
      "SubCode=40900. Conflict. You're requesting an operation that isn't allowed in the resource's current state.",
    );
    expect(await textOf(rules.deleteRule('none'))).toContain(
      "The messaging entity 'sb://127.0.0.1/Topic/Subscriptions/Sub/Rules/none' could not be found.",
    );
    expect(await request('/Topic/Subscriptions/none', undefined, { method: 'GET' })).toMatchObject({
      status: 404,
      text: expect.stringContaining('Entity &apos;127.0.0.1:Topic:Topic|none&apos; was not found.'),
    });
    const headers = { host: 'shop.servicebus.windows.net' };
    expect(await request('/Topic/Subscriptions/Sub', entry('Subscription'), { headers })).toMatchObject({
      status: 409,
      text: expect.stringContaining('&apos;shop:Topic:Topic|sub&apos; already exists'),
    });
  });

  test('not a burst of creations over connections that have been idle', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 100, maxFreeSockets: 100 });
    const burst = (name: string) =>
      Promise.all(Array.from({ length: 100 }, (_, index) => request(`/${name}-${index}`, entry('Queue'), { agent })));
    for (const name of ['first', 'second']) {
      const answers = await burst(name);
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 201));
      // The server does not announce that it will close an idle connection: it never does, and so cannot meet a request on its way.
      expect(answers.filter(({ headers }) => headers['keep-alive'] !== undefined)).toEqual([]);
      expect(answers.filter(({ headers }) => headers.connection !== 'keep-alive')).toEqual([]);
    }
    agent.destroy();
  });
});

test('a message that is peeked without its body has no body section', async () => {
  const harness = await openHarness();
  harness.emulator.createQueue('q');
  await harness.client
    .createSender('q')
    .sendMessages({ body: 'long', subject: 'kept', applicationProperties: { a: 1 } });
  const receiver = harness.client.createReceiver('q');
  // The client has the option and leaves it out of its types.
  const withoutBody: object = { omitMessageBody: true };
  const message = first(await receiver.peekMessages(1, withoutBody));
  expect(message.body).toBeUndefined();
  expect(message).toMatchObject({ subject: 'kept', applicationProperties: { a: 1 } });
  expect(first(await receiver.peekMessages(1, { fromSequenceNumber: Long.ONE })).body).toBe('long');
  await harness.close();
});
