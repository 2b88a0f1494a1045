// Replacing a running app: nothing goes to two builds, and a build that is ending holds up neither the next one nor the host's end.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ServiceBusClient } from '@azure/service-bus';
import { isAlive } from '../../../processes/alive.ts';
import { PATIENCE_MS } from '../../../processes/test/patience.ts';
import { ServiceBusClients } from '../../service-bus/clients.ts';
import { type Bus, startBus } from './service-bus-support.ts';
import { buildApp, cleanUp, eventually, startApp, type TestHost } from './support.ts';

afterEach(cleanUp);

/** A build that names itself, takes messages, and has a request that waits for the file `open` beside the app. */
const build = (name: string, handler = '') =>
  buildApp({
    source: `
      import { app } from '@azure/functions';
      import { existsSync } from 'node:fs';
      const opened = async (): Promise<void> => {
        while (!existsSync(process.env.OPEN!)) await new Promise((resolve) => setTimeout(resolve, 5));
      };
      console.log('${name} loads');
      app.get('slow', async () => { console.log('asked'); await opened(); return { body: '${name}' }; });
      for (const queue of ['work', 'other'])
        app.serviceBusQueue(queue, {
          connection: 'BUS', queueName: queue, cardinality: 'many',
          handler: async (messages: unknown, context) => { context.log('${name} has ' + messages); ${handler} },
        });
    `,
    // A client that has lost its connection waits this long for an answer that was under way, by default a minute.
    hostJson: { extensions: { serviceBus: { clientRetryOptions: { tryTimeout: '00:00:03' } } } },
  });

interface Setup extends TestHost {
  readonly bus: Bus;
  readonly next: string;
  /** Lets pass what waits. */
  open(): Promise<void>;
  /** Replaces the old build, whose process answers a request until `open`; the next one then runs. */
  replaceBusy(): Promise<{ pid: number; answer: Promise<Response>; replacing: Promise<void> }>;
}

async function setUp(handler?: string, stopGraceMs = PATIENCE_MS): Promise<Setup> {
  const bus = await startBus();
  bus.emulator.createQueue('other');
  const appFolder = await build('one', handler);
  const next = await build('two');
  const file = path.join(appFolder, 'open');
  const environment = { BUS: bus.connectionString, OPEN: file };
  const test = await startApp({ source: '' }, { appFolder, environment, stopGraceMs });
  return {
    ...test,
    bus,
    next,
    open: () => writeFile(file, ''),
    replaceBusy: async () => {
      const { host, log, url } = test;
      const answer = fetch(`${url}/api/slow`);
      // A crash cuts it off.
      answer.catch(() => undefined);
      await eventually('the request', () => log.some(({ message }) => message === 'asked'));
      const pid = host.workerPid ?? 0;
      const replacing = host.replaceApp({ appFolder: next });
      await eventually('the next build', () => host.workerPid !== undefined && host.workerPid !== pid);
      return { pid, answer, replacing };
    },
  };
}

it('takes messages while the build before it still answers a request, whose process then ends', async () => {
  const { bus, said, open, replaceBusy } = await setUp();
  const { pid, answer, replacing } = await replaceBusy();
  await bus.send([{ body: 'a' }]);
  await eventually('the message', () => said().includes('two has a'));
  expect(isAlive(pid)).toBe(true);
  await open();
  expect(await (await answer).text()).toBe('one');
  await replacing;
  expect(isAlive(pid)).toBe(false);
});

it('takes no message before what the build before it was given has ended', async () => {
  const { host, bus, next, said, log, open } = await setUp(`await opened(); context.log('one has ended');`);
  await bus.send([{ body: 'a' }]);
  await eventually('the first message', () => said().includes('one has a'));
  const replacing = host.replaceApp({ appFolder: next });
  await bus.send([{ body: 'b' }]);
  await eventually('the next build', () => log.some(({ message }) => message === 'two loads'));
  await open();
  await replacing;
  await eventually('the second message', () => said().includes('two has b'));
  expect(said()).toEqual(['one has a', 'one has ended', 'two has b']);
  await eventually('the queue is empty', async () => (await bus.left()).ids.length === 0);
});

it.each(['stop', 'crash'] as const)('leaves no process when a %s comes while a build is replaced', async (end) => {
  const { host, replaceBusy } = await setUp(undefined, end === 'stop' ? 2000 : PATIENCE_MS);
  const { pid, answer, replacing } = await replaceBusy();
  const pids = [pid, host.workerPid ?? 0];
  await host[end]();
  expect(pids.map(isAlive)).toEqual([false, false]);
  await Promise.allSettled([replacing, answer]);
});

it('goes on with all its functions when the one connection that they have is lost', async () => {
  const { host, bus, next, said } = await setUp(undefined, 2000);
  const taken = async (name: string, body: string): Promise<void> => {
    for (const queue of ['work', 'other']) {
      const client = new ServiceBusClient(bus.connectionString);
      await client.createSender(queue).sendMessages({ body: `${body} of ${queue}` });
      await client.close();
      await eventually(`${body} of ${queue}`, () => said().includes(`${name} has ${body} of ${queue}`));
    }
  };
  await taken('one', 'a');
  await host.replaceApp({ appFolder: next });
  await taken('two', 'b');
  bus.emulator.disconnect();
  await taken('two', 'c');
});

it('shares a client of a namespace until the last who has it releases it', async () => {
  const { connectionString } = await startBus();
  const clients = new ServiceBusClients();
  const [one, two, other] = [{}, {}, { maxRetries: 1 }].map((options) => clients.take(connectionString, options));
  expect(two?.client).toBe(one?.client);
  expect(other?.client).not.toBe(one?.client);
  await one?.release();
  await two?.client.createSender('work').sendMessages({ body: 'a' });
  await two?.release();
  expect(() => two?.client.createSender('work')).toThrow('The underlying AMQP connection is closed');
  const next = clients.take(connectionString, {});
  await next.client.createSender('work').sendMessages({ body: 'b' });
  await Promise.all([next.release(), other?.release()]);
});
