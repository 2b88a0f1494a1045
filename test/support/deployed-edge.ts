// An edge that is no local stack's, as it is deployed: keys of its own, an OpenID provider for its operators, and cells that prove themselves.

import { createServer } from 'node:http';
import path from 'node:path';
import { buildBundles, root } from '../../build/bundles.mjs';
import { signInByDevice } from '../../cli/edge/device-flow.ts';
import { EdgeHost } from '../../hosts/edge/edge-host.ts';
import { startIssuer } from './issuer/issuer.ts';
import { ended, listening, startMemoryCell } from './memory-cell.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from './route-tokens.ts';
import { ISSUER, KEY_SET, tenantToken } from './tenant-tokens.ts';

/** The audience of its operators' tokens. */
export const OPERATORS = 'api://polycell-control';

export const OPERATOR_SCOPES =
  'control.read control.write control.endpoints tenants.ingest tenants.read tenants.operate';

/** A tenant's token that is valid now. */
export const tenantTokenNow = (claims: Readonly<Record<string, unknown>> = {}): string =>
  tenantToken({ claims: { nbf: undefined, exp: Math.floor(Date.now() / 1000) + 3600, ...claims } });

/** Starts the edge with the cells a and b, and the tenant acme (home a, standby b). */
export async function startDeployedEdge() {
  await buildBundles({ only: ['edge/http'] });
  const issuer = await startIssuer({ alg: 'RS256', resource: OPERATORS, scopes: OPERATOR_SCOPES });
  const keys = createServer((_request, response) => response.end(JSON.stringify(KEY_SET)));
  const keysUrl = await listening(keys);
  const cells = [await startMemoryCell('a'), await startMemoryCell('b')] as const;
  const plenty = { perSecond: 1e6, burst: 1e6 };
  const host = new EdgeHost({
    bundle: path.join(root, 'dist/edge/http/index.mjs'),
    assets: path.join(root, 'web'),
    variables: {
      APP_VERSION: '7.7.7',
      APP_ROUTE_KEY: JSON.stringify(EDGE_KEY),
      APP_ISSUER: ISSUER,
      APP_JWKS_URL: keysUrl,
      APP_OPERATORS: JSON.stringify({ issuer: issuer.issuer, jwksUrl: issuer.jwksUrl, audience: OPERATORS }),
      APP_DEVICE_CA: 'none',
      APP_QUOTAS: JSON.stringify({ standard: plenty, premium: plenty }),
      APP_CONSOLE: JSON.stringify({
        clientId: 'polycell-console',
        authorizationUrl: `${issuer.issuer}/auth`,
        tokenUrl: `${issuer.issuer}/token`,
        scope: 'openid control.read tenants.operate',
        resource: OPERATORS,
      }),
      APP_CROSS_ORIGIN: '{}',
      APP_FORWARD_TIMEOUT_MS: '10000',
      APP_MONITOR: '{}',
      APP_TRUST: '{}',
    },
  });
  await host.start();

  /** A token that the provider gives to an operator who asks for these scopes. */
  const operatorToken = async (scopes = OPERATOR_SCOPES, account = 'ann'): Promise<string> => {
    let code = '';
    const signIn = { issuer: issuer.issuer, clientId: 'polycell-cli', scope: `openid ${scopes}`, resource: OPERATORS };
    const { token } = await signInByDevice(signIn, {
      say: (line) => {
        code = /enter the code (\S+)/.exec(line)?.[1] ?? code;
      },
      sleep: () => issuer.approve(code, account),
    });
    return token;
  };

  const token = await operatorToken();
  const put = async (what: string, body: object): Promise<void> => {
    const response = await fetch(`${host.url}/control/v1/${what}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'a test', ...body }),
    });
    if (response.status !== 200) throw new Error(`${what}: ${response.status} ${await response.text()}`);
  };
  for (const { id, url: endpoint } of cells) {
    const place = { cloud: 'aws', region: `region-of-${id}`, jurisdiction: 'eu', endpoint, capacity: 100, price: 1 };
    await put(`cells/${id}`, { ...place, failover: 'never', keys: [publicPart(CELL_KEY)] });
  }
  await put('tenants/acme', { residency: 'eu', tier: 'standard', cell: 'a', standby: 'b' });

  return {
    url: host.url,
    issuer,
    cells,
    token,
    operatorToken,
    /** Puts a secret in the place of another one. */
    putSecret: (name: string, value: string) => host.replaceVariables({ [name]: value }),
    async stop() {
      await host.stop();
      await Promise.all([issuer.stop(), ended(keys), ...cells.map(({ server }) => ended(server))]);
    },
  };
}

export type DeployedEdge = Awaited<ReturnType<typeof startDeployedEdge>>;
