// An Azure cell without a connection string: the real app takes tokens of a managed identity to both services.
import { systemClock } from '../../adapters/system/system.ts';
import { buildBundles } from '../../build/bundles.mjs';
import { application } from '../../core/application.ts';
import { topologyOf } from '../../core/domain/application.ts';
import { AzureCell } from '../../local/azure-cell.ts';
import { makeRouteKeys } from '../../local/route-keys.ts';
import { PROJECT } from '../arch/support/sources.ts';
import { cellDeclaration } from '../support/cell-declaration.ts';
import { eventually } from '../support/eventually.ts';
import { IdentityEndpoint } from '../support/identity-endpoint.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { asEvent, reading } from '../support/readings.ts';

jest.setTimeout(LONG_TEST_MS);

const identities = new IdentityEndpoint();
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** What stands in a connection string. */
const part = (text: string | undefined, name: string): string =>
  new RegExp(`(?:^|;)${name}=([^;]+)`).exec(text ?? '')?.[1] ?? '';

test('an event goes all the way by identity alone', async () => {
  await buildBundles();
  const identityEndpoint = await identities.start();
  stops.push(() => identities.stop());
  const keys = await makeRouteKeys(systemClock);
  const used: Record<string, string>[] = [];
  const cell = new AzureCell({
    declaration: cellDeclaration({ id: 'azure-test', cloud: 'azure', region: 'westeurope' }),
    topology: topologyOf(application),
    version: 'test',
    routeKeys: keys.publicKeys,
    identityKey: keys.privateKey,
    settings: ({ COSMOS, SERVICE_BUS, ...settings }) => {
      const changed = {
        ...settings,
        COSMOS__accountEndpoint: part(COSMOS, 'AccountEndpoint'),
        COSMOS__credential: 'managedidentity',
        COSMOS__clientId: 'for-cosmos',
        SERVICE_BUS__fullyQualifiedNamespace: part(SERVICE_BUS, 'Endpoint').replace(/^sb:\/\/|\/$/g, ''),
        SERVICE_BUS__credential: 'managedidentity',
        SERVICE_BUS__clientId: 'for-service-bus',
        IDENTITY_ENDPOINT: identityEndpoint,
        IDENTITY_HEADER: identities.header,
        // By identity the SDK takes nothing but TLS.
        NODE_EXTRA_CA_CERTS: `${PROJECT}/emulators/service-bus/certificate.pem`,
      };
      used.push(changed);
      return changed;
    },
    notice: () => undefined,
    onDeath: () => undefined,
  });
  stops.push(() => cell.stop());
  await cell.start();

  const token = await keys.mint({ tenant: 'acme', cell: cell.id, endpoint: cell.url, scopes: ['ingest', 'read'] });
  const posted = await fetch(`${cell.url}/v1/events`, {
    method: 'POST',
    headers: { 'x-polycell-route': token, 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(asEvent(reading({ id: 'one', device: 'device-1' }))),
  });
  expect(posted.status).toBe(202);
  const devices = await eventually(async () => {
    const response = await fetch(`${cell.url}/v1/devices`, { headers: { 'x-polycell-route': token } });
    const { items } = (await response.json()) as { items: unknown[] };
    expect(items).toHaveLength(1);
    return items;
  });
  expect(devices).toMatchObject([{ id: 'device-1', readings: 1 }]);

  const asked = new Set(identities.requests.map(({ query }) => `${query.client_id} ${query.resource}`));
  const account = used[0]?.COSMOS__accountEndpoint?.replace(/\/$/, '');
  expect([...asked].sort()).toEqual([`for-cosmos ${account}`, 'for-service-bus https://servicebus.azure.net']);
  expect(
    used.flatMap((settings) => Object.keys(settings)).filter((name) => /^(COSMOS|SERVICE_BUS)$/.test(name)),
  ).toEqual([]);
});
