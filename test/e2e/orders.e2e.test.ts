// The orders example on the real stack: its own bundles in cells of both clouds, spoken to through the edge.
import { applicationFaults } from '../../core/domain/application.ts';
import { openApiDocument } from '../../core/http/openapi.ts';
import { application } from '../../examples/orders/application.ts';
import { type Dev, dev, endAll, Run } from '../integration/cli/run.ts';
import { answerCheck } from '../support/conformity.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_TEST_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

const environment = { POLYCELL_APPLICATION: 'examples/orders/application.ts' };
const check = answerCheck(openApiDocument(application));

let stack: Dev;
let edge: string;

beforeAll(async () => {
  stack = await dev(['--cells', 'aws-alpha,azure-beta'], { environment });
  edge = await stack.edgeUrl();
});
afterAll(endAll);

const polycell = async (...args: string[]): Promise<string> => {
  const { code, out, err } = await new Run([...args, '--stack', edge], { environment }).ended;
  expect([code, err]).toEqual([0, '']);
  return out.trim();
};

test('its domains do not collide', () => {
  expect(applicationFaults(application)).toEqual([]);
});

describe.each([
  ['acme', 'aws-alpha'],
  ['globex', 'azure-beta'],
])('orders of %s in %s', (tenant, cell) => {
  let token: string;
  beforeAll(async () => {
    token = await polycell('tenant-token', '--tenant', tenant, '--scope', 'ingest,read');
  });

  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(edge + path, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token}` },
    });
    const body = await response.text();
    const contentType = response.headers.get('content-type');
    const method = init.method ?? 'GET';
    expect(check({ method, path: path.replace(/\?.*/, ''), status: response.status, contentType, body })).toEqual([]);
    return { status: response.status, cell: response.headers.get('x-polycell-cell'), body: JSON.parse(body) };
  };

  const post = (events: readonly object[]) =>
    ask('/v1/events', {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(events),
    });

  const items = [{ sku: 'book', quantity: 1 }];
  const event = (id: string, what: 'placed' | 'paid' | 'cancelled', time: string, data: object) => ({
    specversion: '1.0',
    id,
    source: 'urn:shop',
    type: `com.example.order-${what}.v1`,
    subject: 'ada',
    time: `2026-11-${time}Z`,
    data,
  });
  const orders = [1, 2, 3].flatMap((number) => [
    event(`placed-${number}`, 'placed', `20T10:0${number}:00`, { order: `o-${number}`, total: 1000 * number, items }),
    event(`paid-${number}`, 'paid', `21T10:0${number}:00`, { order: `o-${number}`, amount: 1000 * number }),
  ]);
  const refund = event('cancelled-3', 'cancelled', '22T09:00:00', { order: 'o-3', refund: 3000 });
  const half = event('paid-4', 'paid', '22T10:00:00', { order: 'o-4', amount: 1 });

  const note = (number: number) => ({ order: `o-${number}`, customer: 'ada', items });

  test('are taken once, however often they are sent', async () => {
    const events = [...orders, refund, half];
    expect(await post(events)).toMatchObject({ status: 202, cell, body: { accepted: events.length } });
    expect(await post(events)).toMatchObject({ status: 202, cell, body: { accepted: 0, duplicates: events.length } });
    expect(await post([event('x', 'paid', '22T10:00:00', { order: 'o-5' })])).toMatchObject({ status: 400, cell });
  });

  test('become revenue by day', () =>
    eventually(async () => {
      const day = { orders: 0, paid: 0, refunded: 0 };
      expect(await ask('/v1/customers/ada/revenue')).toMatchObject({
        cell,
        body: {
          items: [
            { ...day, day: '2026-11-20', orders: 3, revenue: 0 },
            { ...day, day: '2026-11-21', paid: 6000, revenue: 6000 },
            { ...day, day: '2026-11-22', paid: 1, refunded: 3000, revenue: -2999 },
          ],
        },
      });
    }));

  test('become dispatch notes, one for each, which the warehouse fetches by pages', async () => {
    await eventually(async () => expect((await ask('/v1/dispatch-notes')).body.items).toHaveLength(3));
    const first = await ask('/v1/dispatch-notes?limit=2');
    expect(first.body).toEqual({ items: [note(1), note(2)], next: expect.any(String) });
    const rest = await ask(`/v1/dispatch-notes?limit=2&cursor=${encodeURIComponent(first.body.next)}`);
    expect(rest.body.items).toEqual([note(3)]);
  });

  test('none is parked', async () => {
    expect(await polycell('parked', 'list', '--tenant', tenant)).toBe('Nothing is parked.');
  });
});

test('samples of the domain are sent and read from the command line', async () => {
  const sent = JSON.parse(
    await polycell('send', '--tenant', 'globex', '--count', '30', '--devices', '2', '--batch', '10', '--json'),
  );
  expect(sent).toMatchObject({ accepted: 30, rejected: 0, failed: 0 });
  const got = await polycell('get', '/v1/customers/customer-1/revenue', '--tenant', 'globex', '--wait', '--json');
  expect(got).toContain('"orders":');
});
