// Which stacks the command line takes for running, when process ids and ports may have gone to others.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '../../../hosts/processes/free-port.ts';
import { ControlServer } from '../../../local/control.ts';
import { IDENTITY_PATH, registerStack, runningStacks, unregisterStack } from '../../../local/registry.ts';

let close: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await unregisterStack(process.pid);
  for (const each of close) await each();
  close = [];
});

/** A file as a stack with the id `mine` leaves it, of a process that is alive: this one. It is older than any real stack. */
const registered = (control: string) =>
  registerStack({ id: 'mine', pid: process.pid, startedAt: 0, control, urls: [] });

const isListed = async () => (await runningStacks()).some(({ pid }) => pid === process.pid);

async function control(id: string): Promise<string> {
  const server = new ControlServer({ [`GET ${IDENTITY_PATH}`]: async () => ({ id }) });
  close.push(() => server.stop());
  return server.start();
}

async function foreign(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a stack whose control server answers with its id', async () => {
  await registered(await control('mine'));
  expect(await isListed()).toBe(true);
});

test.each<[string, () => Promise<string>]>([
  ['nobody listens where it did', async () => `http://127.0.0.1:${await freePort()}`],
  ['another stack listens where it did', () => control('another')],
  ['another program does', () => foreign(createServer((_request, response) => response.end('<html>')))],
])('a process that has got the id of a killed stack is none: %s', async (_case, address) => {
  await registered(await address());
  expect(await isListed()).toBe(false);
  // Its file is gone: what comes to listen there later makes no difference.
  await control('mine');
  expect(await isListed()).toBe(false);
});

test('a stack that is too busy to answer stays registered and does not delay commands', async () => {
  await registered(await foreign(createServer(() => undefined)));
  // It never answers: that this ends at all is what is tried here.
  expect(await isListed()).toBe(true);
});
