// An effect that must happen once, on the real stack: the home is cut off, its standby takes over, and the home comes back.
import { StackClient } from '../../cli/stack-client.ts';
import { type Dev, dev, endAll, Run } from '../integration/cli/run.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_TEST_MS, PATIENCE_MS } from '../support/patience.ts';

jest.setTimeout(LONG_TEST_MS);

const environment = { POLYCELL_APPLICATION: 'examples/orders/application.ts' };

/** A lease, its reserves, and what a machine under load takes besides. */
const TAKEOVER_MS = 75_000 + PATIENCE_MS;

afterEach(endAll);

test('a standby has effects once the lease of a home that is cut off is over, and the former home never, on both clouds', async () => {
  // Side by side, as nearly all of it is waiting.
  const ends = await Promise.allSettled([
    takenOver('acme', 'aws-alpha', 'azure-beta'),
    takenOver('globex', 'azure-beta', 'aws-alpha'),
  ]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
});

async function takenOver(tenant: string, home: string, standby: string): Promise<void> {
  const stack: Dev = await dev(['--cells', 'aws-alpha,azure-beta'], { environment });
  const edge = await stack.edgeUrl();
  const client = await StackClient.find(edge);
  const { url } = await client.cell(home);

  const order = (id: string) =>
    JSON.stringify({
      ...{ specversion: '1.0', id, source: 'urn:shop', type: 'com.example.order-placed.v1', subject: 'ada' },
      ...{ time: '2026-11-21T10:00:00Z', data: { order: id, total: 0, items: [{ sku: 'book', quantity: 1 }] } },
    });
  const post = async (origin: string, id: string, headers: Record<string, string>) => {
    const response = await fetch(`${origin}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json', ...headers },
      body: order(id),
    });
    return `${response.headers.get('x-polycell-cell')} ${response.status}`;
  };
  /** As a router does that is cut off together with the cell. */
  const isolated = async (id: string, epoch?: string) => {
    const token = await client.mint({ tenant, cell: home, scope: 'ingest', ...(epoch !== undefined && { epoch }) });
    return post(url, id, { 'x-polycell-route': token });
  };
  const throughEdge = async (id: string) =>
    post(edge, id, { authorization: `Bearer ${await client.tenantToken(tenant, 'ingest', 60)}` });
  /** The orders for which a cell has written dispatch notes. */
  const notes = async (cell: string, epoch?: string): Promise<string[]> => {
    const token = await client.mint({ tenant, cell, scope: 'read', ...(epoch !== undefined && { epoch }) });
    const origin = (await client.cell(cell)).url;
    const response = await fetch(`${origin}/v1/dispatch-notes`, { headers: { 'x-polycell-route': token } });
    const { items } = (await response.json()) as { items: { order: string }[] };
    return items.map((item) => item.order).sort();
  };
  /** Those of both cells; an order of which both have written one stands twice. The home is asked under an epoch, as another one would fence it. */
  const everywhere = async (epoch?: string) => [...(await notes(home, epoch)), ...(await notes(standby))].sort();
  const polycell = async (...args: string[]) => {
    const { code, err } = await new Run([...args, '--stack', edge], { environment }).ended;
    expect([code, err]).toEqual([0, '']);
  };

  expect(await throughEdge('before')).toBe(`${home} 202`);
  await eventually(async () => expect(await notes(home)).toEqual(['before']));

  // Edge and cell lose each other. The cell lives, and a router that is cut off with it goes on sending it events.
  await client.order('/edge-faults', { origins: { [url]: 'silent' } });
  await polycell('failover', 'start', home, '--reason', 'it is cut off');
  // Copies go on between the cells, so that the home has the effects of what the standby accepts, for as long as its lease lasts: one after the other.
  const orders = ['before'];
  await eventually(async () => {
    const done = await everywhere('1');
    expect(done).toEqual(orders.slice(0, done.length));
    const isTaken = (await notes(standby)).length > 0;
    if (!isTaken && done.length === orders.length) {
      orders.push(`taken-${String(orders.length).padStart(4, '0')}`);
      expect(await throughEdge(orders.at(-1) ?? '')).toBe(`${standby} 202`);
    }
    expect(isTaken).toBe(true);
  }, TAKEOVER_MS);
  const early = await notes(home, '1');

  // By now the home has no lease any more. It takes events, whose effects wait for it; and what the edge sends to the standby as well.
  expect(await isolated('waits', '1')).toBe(`${home} 202`);
  await stack.said(/the cell’s lease for the tenant ends, and is not renewed|the cell has no lease for the tenant/);
  expect(await throughEdge('both')).toBe(`${standby} 202`);
  expect(await isolated('both', '1')).toBe(`${home} 202`);
  // The cells reach each other: what the home has accepted and not done happens in the standby, once it has asked.
  const some = [...orders, 'both', 'waits'].sort();
  await eventually(async () => expect(await everywhere('1')).toEqual(some), TAKEOVER_MS);

  // It comes back, asks, and hears that it is no home.
  await client.order('/edge-faults', {});
  expect(await isolated('late')).toBe(`${home} 202`);
  const all = [...some, 'late'].sort();
  await eventually(async () => expect(await everywhere()).toEqual(all), TAKEOVER_MS);
  expect(await notes(home)).toEqual(early);
}
