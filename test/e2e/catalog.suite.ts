// A device of the catalogue through the edge: on both clouds, and written at each side of a failover.
import type { Stack } from '../../local/stack.ts';
import { eventually } from '../support/eventually.ts';

const DEVICE = '/v1/catalog/devices/pump-1';

/** Sends a tenant's request to the edge. */
type Ask = (tenant: string, path: string, init?: RequestInit) => Promise<Response>;

/** Declares the test for a running stack; what it returns is for a test in which acme is failed over from AWS to Azure and back. */
export function catalogSuite(running: () => Stack, ask: Ask) {
  const write = async (tenant: string, method: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const content = body === undefined ? {} : { body: JSON.stringify(body), headers };
    const response = await ask(tenant, DEVICE, { method, ...content });
    return [response.status, response.headers.get('x-polycell-cell')];
  };
  const read = async (tenant: string) => {
    const response = await ask(tenant, DEVICE);
    return { status: response.status, ...((await response.json()) as object) };
  };
  const listed = async (tenant: string) =>
    ((await (await ask(tenant, '/v1/catalog/devices')).json()) as { items: object[] }).items;

  test.each([
    ['acme', 'aws-alpha'],
    ['globex', 'azure-beta'],
  ])(
    'a device of %s is described, changed and removed at %s; each read shows it, and the list follows',
    async (tenant, cell) => {
      expect(await write(tenant, 'PUT', { name: 'Pump', site: 'hall 1' })).toEqual([202, cell]);
      expect(await read(tenant)).toMatchObject({ status: 200, id: 'pump-1', name: 'Pump', site: 'hall 1' });
      expect(await write(tenant, 'PATCH', { site: null, model: 'X' })).toEqual([202, cell]);
      expect(await read(tenant)).toMatchObject({ name: 'Pump', model: 'X' });
      await eventually(async () => expect(await listed(tenant)).toMatchObject([{ id: 'pump-1', model: 'X' }]));
      expect(await write(tenant, 'DELETE')).toEqual([202, cell]);
      expect(await read(tenant)).toMatchObject({ status: 404, code: 'unknown_catalog_device' });
      await eventually(async () => expect(await listed(tenant)).toEqual([]));
    },
  );

  return {
    /** Describes the device, and waits until the standby has it. */
    async before() {
      expect(await write('acme', 'PUT', { name: 'Pump', site: 'hall 1' })).toEqual([202, 'aws-alpha']);
      const url = running().cells.find(({ id }) => id === 'azure-beta')?.url;
      await eventually(async () => {
        const token = await running().mint({ tenant: 'acme', cell: 'azure-beta', scopes: ['read'], epoch: 1 });
        const response = await fetch(`${url}${DEVICE}`, { headers: { 'x-polycell-route': token } });
        expect(response.status).toBe(200);
      });
    },
    /** Changes it at the standby. */
    meanwhile: async () => expect(await write('acme', 'PATCH', { site: 'hall 2' })).toEqual([202, 'azure-beta']),
    /** Waits until both are one item at the home. */
    after: () =>
      eventually(async () => expect(await read('acme')).toMatchObject({ id: 'pump-1', name: 'Pump', site: 'hall 2' })),
  };
}
