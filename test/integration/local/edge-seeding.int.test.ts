// Seeding of the local edge succeeds although the issuer's keys cannot be read at first, or a cell does not prove its identity at first.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../adapters/system/system.ts';
import { buildBundles } from '../../../build/bundles.mjs';
import { identityProver } from '../../../core/cell/identity-proof.ts';
import { LocalEdge } from '../../../local/edge.ts';
import { makeIssuer } from '../../../local/issuer.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from '../../support/route-tokens.ts';

const ALPHA = {
  id: 'aws-alpha',
  cloud: 'aws',
  region: 'eu-central-1',
  jurisdiction: 'eu',
  capacity: 100,
  price: 1,
  failover: 'never',
  cidr: '10.0.0.0/16',
  endpoint: 'http://127.0.0.1:9',
} as const;
const ACME = { id: 'acme', residency: 'eu', tier: 'standard', cell: 'aws-alpha', standby: null } as const;

async function listening(answer: http.RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server = http.createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('seeding goes on when the first reads of the issuer’s keys fail', async () => {
  await buildBundles({ only: ['edge/http'] });
  const issuer = await makeIssuer(systemClock);
  let asked = 0;
  const keys = await listening((_request, response) => {
    asked += 1;
    response.statusCode = asked <= 3 ? 500 : 200;
    response.end(JSON.stringify(issuer.jwks));
  });
  const edge = new LocalEdge({
    version: '1.2.3',
    routeKey: EDGE_KEY,
    issuer,
    jwksUrl: `${keys.url}/jwks.json`,
    // Nothing answers at the endpoint.
    variables: { APP_TRUST: '{"proofs":"optional"}' },
    notice: () => undefined,
    onDeath: () => undefined,
  });
  try {
    await edge.start();
    await edge.seed([ALPHA], [ACME]);
    expect(await edge.epochOf('acme')).toBe(1);
    expect(asked).toBeGreaterThan(3);
  } finally {
    await edge.stop();
    await keys.close();
  }
});

test('seeding goes on when a cell does not prove its identity at first', async () => {
  await buildBundles({ only: ['edge/http'] });
  const issuer = await makeIssuer(systemClock);
  const keys = await listening((_request, response) => response.end(JSON.stringify(issuer.jwks)));
  let asked = 0;
  const cell = await listening(async (request, response) => {
    asked += 1;
    const nonce = new URL(request.url ?? '/', cell.url).searchParams.get('nonce') ?? '';
    const proof = await identityProver(CELL_KEY, 'aws-alpha', [cell.url], [])(nonce);
    response.statusCode = asked <= 3 ? 503 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ status: 'ok', ...(asked > 3 && { proof }) }));
  });
  const said: string[] = [];
  const edge = new LocalEdge({
    ...{ version: '1.2.3', routeKey: EDGE_KEY, issuer, jwksUrl: `${keys.url}/jwks.json` },
    notice: ({ message }) => said.push(message),
    onDeath: () => undefined,
  });
  try {
    await edge.start();
    await edge.seed([{ ...ALPHA, endpoint: cell.url, keys: [publicPart(CELL_KEY)] }], [ACME]);
    expect(await edge.epochOf('acme')).toBe(1);
    expect(said.filter((message) => message.includes('does not take'))).toEqual([]);
  } finally {
    await edge.stop();
    await Promise.all([keys.close(), cell.close()]);
  }
});
