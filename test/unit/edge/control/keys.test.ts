// The keys of edge and cells over the control API: what each has said of itself, and what cannot be known.
import { keyQuestion } from '../../../../core/edge/cells/key-question.ts';
import { signerLedger } from '../../../../core/edge/monitor/signers.ts';
import type { PublicKey } from '../../../../core/ports/keys.ts';
import { testCell } from '../../../support/cell.ts';
import { openApi } from '../../../support/control-api.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { countingIds } from '../../../support/ids.ts';
import { CELL_KEY, EDGE_KEY, publicPart, SECOND_KEY } from '../../../support/route-tokens.ts';

const key = (kid: string): PublicKey => ({ ...publicPart(SECOND_KEY), kid });

const CELL = {
  ...{
    cloud: 'aws',
    region: 'eu-central-1',
    jurisdiction: 'eu',
    endpoint: 'https://cell-1.example',
    capacity: 10,
    price: 1,
  },
  ...{ failover: 'approve', keys: [publicPart(CELL_KEY)], reason: 'as agreed' },
};

test('it shows what the edge signs with, which keys a cell takes, and why another one does not say', async () => {
  const clock = new FakeClock();
  const cell = testCell();
  const ask = keyQuestion({
    fetch: (request) =>
      new URL(request.url).hostname === 'cell-1.example'
        ? cell.handle(request)
        : Promise.reject(new TypeError('refused.')),
    clock,
    ids: countingIds(),
  });
  const monitor = async () => ({ signers: [{ key: publicPart(SECOND_KEY), at: '2026-11-21T07:41:00.000Z' }] });
  const api = openApi({}, monitor, undefined, undefined, { ask, signer: publicPart(EDGE_KEY) });
  await api.call('PUT', 'cells/cell-1', CELL);
  await api.call('PUT', 'cells/cell-2', { ...CELL, endpoint: 'https://cell-2.example' });
  const { status, body } = await api.call('GET', 'keys');
  expect(status).toBe(200);
  expect(body.signing.map((each: { key: PublicKey }) => each.key.kid)).toEqual(['edge-1', 'edge-2']);
  expect(body.cells).toEqual([
    {
      ...{ id: 'cell-1', state: 'active', declared: [publicPart(CELL_KEY)] },
      ...{ proves: 'cell-key-1', accepts: [publicPart(EDGE_KEY)], problem: null },
    },
    expect.objectContaining({ id: 'cell-2', proves: null, accepts: null, problem: expect.stringContaining('refused') }),
  ]);
});

test('the monitor remembers the latest keys that isolates report, and names its own once', () => {
  const clock = new FakeClock();
  const ledger = signerLedger(key('own'), clock);
  for (const kid of ['own', 'a', 'b', 'a', 'c', 'd', 'e']) ledger.seen(key(kid));
  expect(ledger.list().map((each) => each.key.kid)).toEqual(['own', 'a', 'c', 'd', 'e']);
});
