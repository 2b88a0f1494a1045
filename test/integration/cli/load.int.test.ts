// The load of drills against a server that is slow, fails, or does not answer: its rate is its own.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ledger } from '../../../cli/drill/ledger.ts';
import { Load, numberOf } from '../../../cli/drill/load.ts';
import type { Served } from '../../../cli/drill/service.ts';
import { eventually } from '../../support/eventually.ts';
import { meters } from '../../support/meters.ts';

type Event = { id: string; source: string; subject: string };

let server: Server;
let edge: string;
let answer: (events: readonly Event[], respond: (status: number, body: object) => void) => void;
const seen: { tenant: string; events: readonly Event[] }[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const events = JSON.parse(text) as Event[];
      seen.push({ tenant: request.headers.authorization ?? '', events });
      answer(events, (status, body) =>
        response.writeHead(status, { 'x-polycell-cell': 'cell-1' }).end(JSON.stringify(body)),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  edge = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
});

function load(events: number) {
  const served: Served[] = [];
  const ledger = new Ledger(events);
  const tenants = ['acme', 'globex'].map((id) => ({ id, token: `token-of-${id}` }));
  const made = new Load({
    domain: meters,
    edge,
    rate: 200,
    batch: 5,
    tenants,
    run: 'r1',
    events,
    ledger,
    onServed: (each) => served.push(each),
  });
  return { load: made, served, ledger };
}

test('a server that answers nothing is sent as much as one that answers at once', async () => {
  const held: (() => void)[] = [];
  answer = (_, respond) => held.push(() => respond(202, {}));
  const { load: running, ledger, served } = load(100);
  running.start();
  await eventually(async () => expect(seen).toHaveLength(20));
  expect(served).toEqual([]);
  expect(ledger.summary().acknowledged).toBe(0);
  for (const release of held) release();
  await running.stop();
  expect(running.sent).toBe(100);
  expect(ledger.summary()).toMatchObject({ acknowledged: 100, acknowledgedBy: { 'cell-1': 100 } });
  // Tenants take turns, and each event has an identity of its own.
  expect(seen.filter(({ tenant }) => tenant === 'Bearer token-of-acme')).toHaveLength(10);
  const numbers = seen.flatMap(({ events }) => events.map((event) => numberOf('r1', event)));
  expect(new Set(numbers)).toEqual(new Set(Array.from({ length: 100 }, (_, index) => index)));
});

test('only what was answered with 202 is acknowledged; failures have their reason', async () => {
  answer = (events, respond) =>
    events[0]?.id === 'e0' ? respond(202, {}) : respond(503, { code: 'cell_unavailable', detail: 'no' });
  const { load: running, ledger, served } = load(10);
  running.start();
  await eventually(async () => expect(served).toHaveLength(2));
  await running.stop();
  expect(served.map(({ tenant, status, cell }) => [tenant, status, cell]).sort()).toEqual([
    ['acme', 202, 'cell-1'],
    ['globex', '503 cell_unavailable', 'cell-1'],
  ]);
  expect(ledger.summary().acknowledged).toBe(5);
});

test('numbers of other runs are none of this one', () => {
  expect(numberOf('r1', { id: 'e7', source: 'urn:polycell:drill:r1' })).toBe(7);
  expect(numberOf('r1', { id: 'e7', source: 'urn:polycell:drill:r2' })).toBeUndefined();
  expect(numberOf('r1', { id: '7', source: 'urn:polycell:drill:r1' })).toBeUndefined();
});
