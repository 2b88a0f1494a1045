// No request is sent to an endpoint that has never proved that it is the cell, whatever records say.

import { definition } from '../../../support/cloud.ts';
import { seen, testEdge } from '../../../support/edge.ts';
import { CELL_KEY, publicPart } from '../../../support/route-tokens.ts';

test('a cell without a proof gets no request, and its tenant is answered with cell_unavailable', async () => {
  const edge = testEdge({ proofs: true });
  await edge.addCells('a');
  await edge.addTenant('acme', 'a');
  expect(await seen(edge.call('/v1/devices'))).toBe('503 cell_unavailable');
  expect(edge.received).toEqual([]);
});

test('a cell that has proved its endpoint is served, and a forged record of another endpoint is not followed', async () => {
  const edge = testEdge({ proofs: true });
  const keys = [publicPart(CELL_KEY)];
  const cell = { ...definition('a'), keys };
  const proof = { cell: 'a', endpoint: cell.endpoint, keys };
  await edge.world.keeper.change({ kind: 'add-cell', cell }, { actor: 'operator', reason: 'a test', proof });
  edge.cells.set(cell.endpoint, async () => new Response('a', { headers: { 'x-polycell-cell': 'a' } }));
  await edge.addTenant('acme', 'a');
  expect(await seen(edge.call('/v1/devices'))).toBe('200 a');
  const [record] = (await edge.world.keeper.cells()).map((each) => each.cell);
  if (record === undefined) throw new TypeError('There is no cell.');
  const forged = { ...record, endpoint: 'https://listener.example', revision: record.revision + 1 };
  await edge.publish();
  await edge.world.cache.put({ kind: 'cell', value: forged });
  await edge.clock.advance(5000);
  expect(await seen(edge.call('/v1/devices'))).toBe('503 cell_unavailable');
  expect(edge.received.map(({ url }) => new URL(url).origin)).toEqual(['https://a.example']);
});
