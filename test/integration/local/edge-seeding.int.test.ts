// Seeding of the local edge succeeds although the issuer's keys cannot be read at first.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../adapters/system/system.ts';
import { buildBundles } from '../../../build/bundles.mjs';
import { LocalEdge } from '../../../local/edge.ts';
import { makeIssuer } from '../../../local/issuer.ts';
import { EDGE_KEY } from '../../support/route-tokens.ts';

test('seeding goes on when the first reads of the issuer’s keys fail', async () => {
  await buildBundles({ only: ['edge/http'] });
  const issuer = await makeIssuer(systemClock);
  let asked = 0;
  const server = http.createServer((_request, response) => {
    asked += 1;
    response.statusCode = asked <= 3 ? 500 : 200;
    response.end(JSON.stringify(issuer.jwks));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const edge = new LocalEdge({
    version: '1.2.3',
    routeKey: EDGE_KEY,
    issuer,
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    // Nothing answers at the endpoint.
    variables: { APP_TRUST: '{"proofs":"optional"}' },
    notice: () => undefined,
    onDeath: () => undefined,
  });
  try {
    await edge.start();
    await edge.seed(
      [
        {
          id: 'aws-alpha',
          cloud: 'aws',
          region: 'eu-central-1',
          jurisdiction: 'eu',
          capacity: 100,
          price: 1,
          failover: 'never',
          cidr: '10.0.0.0/16',
          endpoint: 'http://127.0.0.1:9',
        },
      ],
      [{ id: 'acme', residency: 'eu', tier: 'standard', cell: 'aws-alpha', standby: null }],
    );
    expect(await edge.epochOf('acme')).toBe(1);
    expect(asked).toBeGreaterThan(3);
  } finally {
    await edge.stop();
    await new Promise((resolve) => server.close(resolve));
  }
});
