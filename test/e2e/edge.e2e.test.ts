// The whole stack behind its edge: one address for the tenants of every cell, by token and by certificate, through the loss of a cell.
import https from 'node:https';
import { buildBundles } from '../../build/bundles.mjs';
import { connect } from '../../cli/edge/connection.ts';
import { StackClient } from '../../cli/stack-client.ts';
import { declaredCells } from '../../local/cells.ts';
import { Stack, type StackInfo } from '../../local/stack.ts';
import { declaredTenants } from '../../local/tenants.ts';
import { conformCell } from '../conformance/cell.ts';
import { polycell } from '../integration/cli/run.ts';
import { conforming } from '../support/conformity.ts';
import { eventually } from '../support/eventually.ts';
import { turns } from '../support/pace.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { assigned } from './assigned.ts';
import { catalogSuite } from './catalog.suite.ts';
import { erasureSuite } from './erasure.suite.ts';
import { exported } from './exported.ts';
import { paceSuite } from './pace.suite.ts';
import { rotationSuite } from './rotation.suite.ts';

jest.setTimeout(LONG_TEST_MS);

let stack: Stack;
let info: StackInfo;
let edge: string;

beforeAll(async () => {
  await buildBundles();
  stack = await Stack.create({
    // But for one test no cell is to be failed over, however busy the machine is.
    cells: (await declaredCells()).map((cell) => ({ ...cell, failover: 'approve' as const })),
    tenants: await declaredTenants(),
    version: 'test',
    notice: () => undefined,
    onDeath: (reason) => {
      throw new Error(reason);
    },
    environment: {},
  });
  info = await stack.start();
  edge = info.edge?.url ?? '';
});
afterAll(() => stack.stop());
const at = (...args: string[]) => polycell(...args, '--stack', edge);
const tokenOf = (tenant: string) => stack.tenantToken({ tenant, scopes: ['ingest', 'read'] });

/** Sends a request to the edge; what the edge or a cell answers must be as the OpenAPI document has it. */
const send = async (path: string, init: RequestInit = {}) =>
  conforming(edge + path, init, await fetch(edge + path, init), 'edge');

const ask = async (tenant: string, path: string, init: RequestInit = {}) =>
  send(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${await tokenOf(tenant)}` } });

const reading = (id: string, subject: string) => ({
  specversion: '1.0',
  id,
  source: 'urn:test:edge',
  type: 'io.polycell.reading.v1',
  subject,
  time: '2026-11-20T10:00:00Z',
  data: { metric: 'temperature', value: 1 },
});

const post = (tenant: string, id: string) =>
  ask(tenant, '/v1/events', {
    method: 'POST',
    body: JSON.stringify(reading(id, `${tenant}-pump`)),
    headers: { 'content-type': 'application/cloudevents+json' },
  });

const devicesOf = async (tenant: string) =>
  ((await (await ask(tenant, '/v1/devices')).json()) as { items: { id: string; readings: number }[] }).items.map(
    ({ id, readings }) => `${id} ${readings}`,
  );

const HOMES = { acme: 'aws-alpha', globex: 'azure-beta', initech: 'azure-gamma' } as const;

test('one address serves the tenants of all three cells, each of which sees its own data only', async () => {
  await assigned(at, Object.keys(HOMES));
  for (const [tenant, cell] of Object.entries(HOMES)) {
    const response = await post(tenant, `first-${tenant}`);
    expect([response.status, response.headers.get('x-polycell-cell')]).toEqual([202, cell]);
    await eventually(async () => expect(await devicesOf(tenant)).toEqual([`${tenant}-pump 1`]));
  }
});

interface Step {
  readonly service: string;
  readonly cell: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly links: readonly { readonly spanId: string }[];
  readonly next: readonly Step[];
}

/** All steps of an event's way, as `polycell trace` has them. */
async function stepsOf(event: string): Promise<readonly Step[]> {
  const { out, err, code } = await at('trace', event, '--json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const all = (steps: readonly Step[]): readonly Step[] => steps.flatMap((step) => [step, ...all(step.next)]);
  return all(JSON.parse(out) as Step[]);
}

test.each(Object.entries(HOMES))(
  'an event of %s is followed by its id through the edge and %s, links both ways',
  async (tenant, cell) => {
    await eventually(async () => {
      const steps = await stepsOf(`first-${tenant}`);
      const [edgeSpan, forward, request] = steps;
      expect([edgeSpan, forward, request].map((step) => `${step?.cell} ${step?.service} ${step?.name}`)).toEqual([
        ' polycell-edge POST /v1/events',
        ' polycell-edge POST',
        `${cell} polycell-http POST /v1/events`,
      ]);
      expect([forward?.parentId, request?.parentId]).toEqual([edgeSpan?.spanId, forward?.spanId]);
      const own = ['process device-state', 'process replicate', 'process rollups', 'publish events'];
      const behind = steps.slice(3).filter((step) => step.cell === cell);
      expect(behind.map(({ name }) => name).sort()).toEqual(expect.arrayContaining(own));
      for (const step of behind.filter(({ name }) => own.includes(name)))
        expect(step.links.map(({ spanId }) => spanId)).toContain(request?.spanId);
      // The way of a copy goes on in the tenant's other cell; initech has none.
      const there = new Set(steps.flatMap((step) => (step.cell === '' || step.cell === cell ? [] : [step.name])));
      const copied = ['POST /v1/replica/events', 'process device-state', 'process rollups', 'publish events'];
      expect([...there].sort()).toEqual(tenant === 'initech' ? [] : expect.arrayContaining(copied));
    });
  },
);

test('the edge reports its own health', async () => {
  expect(await (await send('/v1/health')).json()).toEqual({ status: 'ok', cell: 'edge', version: 'test' });
});

test("another tenant's name in a header, no credential, and a forged one are refused", async () => {
  const answerOf = async (response: Response) => [
    response.status,
    ((await response.json()) as { code: string }).code,
    response.headers.get('x-polycell-cell'),
  ];
  expect(await answerOf(await ask('acme', '/v1/devices', { headers: { 'x-tenant-id': 'globex' } }))).toEqual([
    403,
    'tenant_mismatch',
    'edge',
  ]);
  expect(await answerOf(await send('/v1/devices'))).toEqual([401, 'missing_credential', 'edge']);
  const [head, body] = (await tokenOf('acme')).split('.');
  const forged = `Bearer ${head}.${body}.${'A'.repeat(86)}`;
  expect(await answerOf(await send('/v1/devices', { headers: { authorization: forged } }))).toEqual([
    401,
    'invalid_credential',
    'edge',
  ]);
  expect(await answerOf(await ask('nobody', '/v1/devices'))).toEqual([404, 'unknown_tenant', 'edge']);
});

test('a device authenticates by its certificate, over HTTPS', async () => {
  const { out } = await at('device-certificate', '--tenant', 'acme', '--device', 'acme-pump', '--json');
  const { certificate, key, authority, url } = JSON.parse(out) as Record<string, string>;
  const call = (options: https.RequestOptions, body?: string): Promise<[number | undefined, string | undefined]> =>
    new Promise((resolve, reject) => {
      const request = https.request(`${url}/v1/${body === undefined ? 'devices' : 'events'}`, {
        method: body === undefined ? 'GET' : 'POST',
        ca: authority,
        agent: false,
        ...options,
      });
      request.on('response', (response) => {
        response.resume();
        resolve([response.statusCode, response.headers['x-polycell-cell'] as string]);
      });
      request.on('error', reject);
      request.end(body);
    });
  const client = { cert: certificate, key };
  expect(await call(client)).toEqual([200, 'aws-alpha']);
  const headers = { 'content-type': 'application/cloudevents+json' };
  expect(await call({ ...client, headers }, JSON.stringify(reading('by-device', 'acme-pump')))).toEqual([
    202,
    'aws-alpha',
  ]);
  expect(await call({})).toEqual([401, 'edge']);
});

test('the commands go through the edge, and know only the directory’s tenants', async () => {
  expect(await at('send', '--tenant', 'globex', '--count', '30', '--devices', '3', '--batch', '10')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^30 accepted, /),
  });
  expect(await at('send', '--tenant', 'hooli')).toEqual({
    code: 3,
    out: '',
    err: 'Tenant "hooli" is not known; add it with npx polycell tenants add hooli\n',
  });
  expect(await at('tenants', 'add', 'hooli', '--residency', 'us')).toMatchObject({ code: 0 });
  expect(JSON.parse((await at('tenants', 'show', 'hooli', '--json')).out)).toMatchObject({
    cell: 'azure-gamma',
    epoch: 1,
  });
  expect(await at('get', '/v1/devices', '--tenant', 'hooli')).toMatchObject({ code: 0 });
  expect(await at('tenants', 'place', 'hooli', '--cell', 'aws-alpha')).toMatchObject({
    code: 3,
    out: '',
    err: expect.stringMatching(/^[^\n]+ \(residency_violated\)\.\n$/),
  });
});

rotationSuite(() => stack);
erasureSuite(() => stack);

const paced = paceSuite({ at, post, homes: [HOMES.acme, HOMES.globex] });

const catalog = catalogSuite(() => stack, ask);

test('npm run conformance sees every promise of a cell held, and leaves no tenant', async () => {
  const findings = await conformCell(await connect({ stack: edge }, {}), 'azure-beta', () => undefined);
  expect(findings.filter(({ outcome }) => outcome !== 'held')).toEqual([]);
  expect(findings).toHaveLength(7);
  expect((await at('tenants', 'list')).out).not.toContain('conformance-');
});

test('a lost cell is failed over automatically; it returns with its data, and serves after a failback', async () => {
  await catalog.before();
  const policy = async (failover: string) =>
    expect(await at('cells', 'add', 'aws-alpha', '--failover', failover)).toMatchObject({ code: 0 });
  await policy('automatic');
  await stack.crash('aws-alpha');
  await expect(fetch(`${info.cells[0]?.url}/v1/health`)).rejects.toThrow('fetch failed');
  await eventually(async () => {
    const response = await post('acme', 'meanwhile');
    expect([response.status, response.headers.get('x-polycell-cell')]).toEqual([202, 'azure-beta']);
  });
  expect((await at('failover', 'status')).out).toMatch(/aws-alpha +down /);
  await catalog.meanwhile();
  // The way of what came meanwhile goes through the standby, and shows the attempts that failed before.
  await eventually(async () => {
    const steps = await stepsOf('meanwhile');
    expect(steps.filter(({ name }) => name.startsWith('process')).map(({ cell }) => cell)).toContain('azure-beta');
  });
  const logged = await at('logs', '--cell', 'edge', '--json');
  expect(logged.out).toContain('"part":"edge"');
  expect((await post('globex', 'meanwhile')).headers.get('x-polycell-cell')).toBe('azure-beta');
  await policy('approve');
  await stack.revive('aws-alpha');
  expect((await fetch(`${info.cells[0]?.url}/v1/health`)).status).toBe(200);
  // Once it has what the standby has accepted, and the other way about: the cells see to it themselves, at the monitor's order.
  await eventually(async () =>
    expect((await at('failover', 'back', 'aws-alpha', '--dry-run')).out).toMatch(/state down → active/),
  );
  expect(await at('failover', 'back', 'aws-alpha', '--reason', 'its region is back')).toMatchObject({ code: 0 });
  await eventually(async () => {
    const response = await ask('acme', '/v1/devices');
    expect(response.headers.get('x-polycell-cell')).toBe('aws-alpha');
    expect(response.headers.get('x-polycell-rpo-ms')).toBeNull();
    // By token, by certificate, and those of the pace before it was lost; and one at the standby.
    expect(await devicesOf('acme')).toEqual([`acme-pump ${3 + paced()}`]);
  });
  await catalog.after();
  // The way of what came meanwhile goes on between the cells, to the consumers of the other cell.
  await eventually(async () => {
    const steps = (await stepsOf('meanwhile')).map(({ cell, service, name }) => `${cell} ${service} ${name}`);
    expect(steps).toContain('aws-alpha polycell-http POST /v1/replica/events');
    expect(steps).toContain('aws-alpha polycell-rollups process rollups');
  });
  expect(await at('replicas', 'verify', 'acme')).toMatchObject({ code: 0, err: '' });
  expect((await at('replicas', 'status')).out).toMatch(/acme +aws-alpha +azure-beta +\w+ /);
  const audit = (await at('audit', '--json')).out.trim().split('\n');
  const changes = audit.map((line) => JSON.parse(line) as { command: { kind: string } });
  expect(changes).toContainEqual(expect.objectContaining({ reason: 'its region is back' }));
  expect(changes.find(({ command }) => command.kind === 'fail-over')).toMatchObject({ actor: 'monitor' });
});

/** A tenant under load. */
async function loaded(tenant: string, device: string) {
  const client = await StackClient.find(edge);
  const acknowledged: string[] = [];
  let last = '';
  let isOver = false;
  /** Sends one event after another, each again until it is taken. */
  const load = async () => {
    const turn = turns();
    for (let count = 0; !isOver; count += 1) {
      await turn();
      const init = {
        method: 'POST',
        body: JSON.stringify(reading(`l-${count}`, device)),
        headers: { 'content-type': 'application/cloudevents+json' },
      };
      for (let isTaken = false; !isTaken; ) {
        // A client sends again what it has no answer to, also where its connection was closed as it sent.
        const response = await ask(tenant, '/v1/events', init).catch((error: unknown) => {
          if ((error as Error).name !== 'TypeError') throw error;
        });
        isTaken = response?.status === 202;
        last = response?.headers.get('x-polycell-cell') ?? '';
      }
      acknowledged.push(`l-${count}`);
    }
  };
  /** The documents of all consumers, from the state of one cell. */
  const derived = async (cell: string) => {
    const token = await client.mint({ tenant, cell, scope: 'read' });
    const { url } = await client.cell(cell);
    const read = async (path: string) =>
      (await fetch(`${url}/v1/devices/${device}${path}`, { headers: { 'x-polycell-route': token } })).json();
    return [await read(''), await read('/rollups')];
  };
  const readings = async () =>
    ((await (await ask(tenant, `/v1/devices/${device}`)).json()) as { readings: number }).readings;
  /** Until it serves under load, and what was acknowledged before is there. */
  const served = async (cell: string) => {
    const before = acknowledged.length;
    await eventually(async () => expect([last, acknowledged.length > before + 5]).toEqual([cell, true]));
    const count = acknowledged.length;
    await eventually(async () => expect(await readings()).toBeGreaterThanOrEqual(count));
  };

  const loading = load();
  return {
    ...{ acknowledged, derived, readings, served },
    end: async () => {
      isOver = true;
      await loading;
    },
  };
}

test.each([
  ['acme', 'aws-alpha', 'azure-beta', 'warm'],
  ['globex', 'azure-beta', 'aws-alpha', 'warm'],
  ['acme', 'aws-alpha', 'azure-beta', 'log-only'],
  ['globex', 'azure-beta', 'aws-alpha', 'log-only'],
])(
  '%s goes from %s to %s (%s) and back under load: every event that was acknowledged is there at each stage, once',
  async (tenant, home, standby, mode) => {
    const device = `${tenant}-${mode}`;
    const isWarm = mode === 'warm';
    const become = async (next: string) =>
      expect(await at('tenants', 'standby-mode', tenant, '--mode', next)).toMatchObject({ code: 0 });
    await become(mode);
    const { acknowledged, derived, readings, served, end } = await loaded(tenant, device);
    await served(home);
    const atStandby = isWarm ? { id: device } : { code: 'state_incomplete' };
    await eventually(async () => expect(await derived(standby)).toMatchObject([atStandby, {}]));
    expect(await at('failover', 'start', home, '--reason', 'a drill')).toMatchObject({ code: 0 });
    await served(standby);
    await eventually(async () => {
      const { headers } = await ask(tenant, '/v1/devices');
      expect(headers.get('x-polycell-rpo-ms')).toMatch(/^(\d+|unknown)$/);
    });
    await eventually(async () =>
      expect(await at('failover', 'back', home, '--reason', 'the drill is over')).toMatchObject({ code: 0 }),
    );
    await served(home);
    await end();
    await eventually(async () => expect(await readings()).toBe(acknowledged.length));
    await become('warm');
    await eventually(async () => expect(await derived(standby)).toEqual(await derived(home)));
    expect(await at('replicas', 'verify', tenant)).toMatchObject({ code: 0 });
    expect((await exported(at, tenant, device)).sort()).toEqual([...acknowledged].sort());
  },
);

test('a tenant moves from AWS to Azure under load, and back: its clients notice nothing, and nothing is missing', async () => {
  const { acknowledged, derived, readings, served, end } = await loaded('acme', 'acme-moved');
  const moved = async (): Promise<{ state: string; problem: string | null }> =>
    JSON.parse((await at('moves', 'show', 'acme', '--json')).out) as { state: string; problem: string | null };
  await served('aws-alpha');
  expect((await at('tenants', 'move', 'acme', '--to', 'azure-beta', '--dry-run')).out).toMatch(/would move/);
  const paused = ['--pause-before', 'switched', '--wait'];
  expect(await at('tenants', 'list', '--wait')).toMatchObject({ code: 2 });
  expect(await at('tenants', 'move', 'acme', '--to', 'azure-beta', ...paused)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/following, paused/),
  });
  expect(await at('moves', 'pause', 'acme', '--wait')).toMatchObject({ code: 2 });
  expect(await at('moves', 'watch', 'acme')).toMatchObject({ code: 0 });
  expect(await at('moves', 'resume', 'acme')).toMatchObject({ code: 0 });
  await served('azure-beta');
  await eventually(async () => expect(await moved()).toMatchObject({ state: 'fenced', problem: null }));
  expect(await at('moves', 'reverse', 'acme', '--reason', 'a drill')).toMatchObject({ code: 0 });
  await served('aws-alpha');
  await end();
  await eventually(async () => expect(await moved()).toMatchObject({ state: 'fenced', problem: null }));
  await eventually(async () => expect(await readings()).toBe(acknowledged.length));
  await eventually(async () => expect(await derived('azure-beta')).toEqual(await derived('aws-alpha')));
});

test('a cell that only the edge cannot reach, and a lost directory: service resumes when the fault ends', async () => {
  const beta = info.cells[1]?.url ?? '';
  await stack.setEdgeFaults({ routeCache: 'refused', objects: { DIRECTORY: 'refused' } });
  expect((await post('globex', 'map-lost')).status).toBe(202);
  await stack.setEdgeFaults({ origins: { [beta]: 'refused' } });
  expect((await fetch(`${beta}/v1/health`)).status).toBe(200);
  await stack.setEdgeFaults({});
  await eventually(async () => expect((await post('globex', 'mended')).status).toBe(202));
});
