// What runs a bundle says at once which one is missing and what builds it, before it starts anything.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../../adapters/system/system.ts';
import { root } from '../../../build/bundles.mjs';
import { application } from '../../../core/application.ts';
import { topologyOf } from '../../../core/domain/application.ts';
import { AwsCell } from '../../../local/aws-cell.ts';
import { AzureCell } from '../../../local/azure-cell.ts';
import { LocalEdge } from '../../../local/edge.ts';
import { makeIssuer } from '../../../local/issuer.ts';
import { makeRouteKeys } from '../../../local/route-keys.ts';
import { cellDeclaration } from '../../support/cell-declaration.ts';

const topology = topologyOf(application);

/** Any use of the network would end a test of this kind, so a cell that has got as far as its emulators fails otherwise. */
async function common() {
  const { publicKeys: routeKeys, privateKey: identityKey } = await makeRouteKeys(systemClock);
  return { topology, version: 'test', routeKeys, identityKey, notice: () => undefined, onDeath: () => undefined };
}

const nowhere = (name: string) => path.join(root, 'dist/nowhere', name);

it('an AWS cell', async () => {
  const bundles = { http: __filename, relay: nowhere('relay.cjs'), worker: nowhere('worker.cjs') };
  const declaration = cellDeclaration({ id: 'no-bundles', cloud: 'aws', region: 'eu-central-1' });
  const cell = new AwsCell({ ...(await common()), declaration, bundles });
  await expect(cell.start()).rejects.toThrow(
    'There is no bundle dist/nowhere/relay.cjs, dist/nowhere/worker.cjs: run `npm run build`, which compiles what is missing.',
  );
  await cell.stop();
});

it('an Azure cell, also when only a part of its app is missing', async () => {
  const appFolder = await mkdtemp(path.join(tmpdir(), 'polycell-app-'));
  try {
    for (const name of ['host.json', 'package.json']) await writeFile(path.join(appFolder, name), '{}');
    const declaration = cellDeclaration({ id: 'no-bundles', cloud: 'azure', region: 'westeurope' });
    const cell = new AzureCell({ ...(await common()), declaration, appFolder });
    await expect(cell.start()).rejects.toThrow(/^There is no bundle \S+index\.cjs: run `npm run build`/);
    await cell.stop();
  } finally {
    await rm(appFolder, { recursive: true });
  }
});

it('the edge', async () => {
  const { version, notice, onDeath } = await common();
  const { privateKey: routeKey } = await makeRouteKeys(systemClock);
  const issuer = await makeIssuer(systemClock);
  const bundle = nowhere('index.mjs');
  const edge = new LocalEdge({ version, routeKey, issuer, jwksUrl: '', notice, onDeath, bundle });
  await expect(edge.start()).rejects.toThrow('There is no bundle dist/nowhere/index.mjs: run `npm run build`');
  await edge.stop();
});
