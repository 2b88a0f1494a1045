// What every cell must show from the outside, on whichever cloud: events in, exact results out.
import { identityFault } from '../../core/cell/identity-proof.ts';
import type { Notice } from '../../local/local-cell.ts';
import { CellClient, type Device } from '../support/cell-client.ts';
import type { ServedCell } from '../support/cell-harness.ts';
import { asEvent, manyReadings, reading } from '../support/readings.ts';
import { faultsAmong } from '../support/slowness.ts';

/** Declares the suite for one kind of cell; `open` gets a list for the cell's notices, and `more` declares what only this kind shows. */
export function cellSuite<C extends ServedCell>(
  name: string,
  open: (notices: Notice[]) => Promise<C>,
  { more = () => undefined }: { more?: (cell: () => C, notices: Notice[]) => void } = {},
): void {
  describe(`a cell on ${name}`, () => {
    let cell: C;
    const notices: Notice[] = [];
    beforeAll(async () => {
      cell = await open(notices);
    });
    afterAll(async () => {
      await cell.close();
      // Nothing fails here, so nothing may be logged as a failure, or as a warning: an invocation that the platform ends is one, unless the cell closes.
      expect(faultsAmong(notices)).toEqual([]);
    });

    test('proves its identity for its own endpoint, and takes no token for another', async () => {
      const nonce = 'f'.repeat(32);
      const response = await fetch(`${cell.url}/v1/health?nonce=${nonce}`);
      const { proof } = (await response.json()) as { proof?: unknown };
      const claim = { cell: cell.id, endpoint: cell.url, nonce, keys: [cell.identity] };
      expect(await identityFault(proof, claim)).toBeUndefined();
      expect(await identityFault(proof, { ...claim, endpoint: 'https://listener.example' })).toContain(
        'another endpoint',
      );
      const token = await cell.token('acme', { endpoint: 'https://listener.example' });
      const refused = await fetch(`${cell.url}/v1/devices`, { headers: { 'x-polycell-route': token } });
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([421, 'misdirected']);
    });

    test('takes an event in each content mode and shows it to its tenant alone', async () => {
      const acme = new CellClient(cell, 'acme');
      const event = asEvent(reading({ id: 'one', device: 'thermo-1', value: 20.5 }));
      const structured = await acme.request('/v1/events', {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json' },
        body: JSON.stringify(event),
      });
      expect([structured.status, await structured.json()]).toEqual([
        202,
        { accepted: 1, duplicates: 0, rejected: 0, results: [{ id: 'one', source: 'urn:test', status: 'accepted' }] },
      ]);
      expect(structured.headers.get('x-polycell-cell')).toBe(cell.id);
      expect(structured.headers.get('traceparent')).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);

      const binary = await acme.request('/v1/events', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'ce-specversion': '1.0',
          'ce-id': 'two',
          'ce-source': 'urn:test',
          'ce-type': 'io.polycell.reading.v1',
          'ce-subject': 'thermo-1',
          'ce-time': '2026-11-01T10:00:01Z',
        },
        body: '{"metric":"humidity","value":40}',
      });
      expect(binary.status).toBe(202);
      expect(
        (
          await acme.post([
            reading({ id: 'one', device: 'thermo-1', value: 99 }),
            reading({ id: 'three', device: 'thermo-2' }),
          ])
        ).body,
      ).toMatchObject({ accepted: 1, duplicates: 1 });

      await acme.settled(3);
      expect(await acme.get<Device>('/v1/devices/thermo-1')).toEqual({
        id: 'thermo-1',
        lastSeen: '2026-11-01T10:00:01Z',
        readings: 2,
        metrics: {
          temperature: { value: 20.5, unit: 'Cel', time: '2026-11-01T10:00:00.000Z' },
          humidity: { value: 40, time: '2026-11-01T10:00:01Z' },
        },
      });
      const stranger = new CellClient(cell, 'stranger');
      expect((await stranger.request('/v1/devices/thermo-1')).status).toBe(404);
      expect(await stranger.get('/v1/devices')).toEqual({ items: [], next: null });
    });

    test('pages through readings and devices with neither gap nor repeat', async () => {
      const tenant = new CellClient(cell, 'pager');
      const readings = manyReadings(60, 3);
      await tenant.postUntilTaken(readings);
      await tenant.settled(60);
      expect((await tenant.all<Device>('/v1/devices', 1)).map(({ id }) => id)).toEqual([
        'device-0',
        'device-1',
        'device-2',
      ]);
      const ascending = await tenant.all<{ id: string }>('/v1/devices/device-1/readings', 7);
      expect(ascending.map(({ id }) => id)).toEqual(
        readings.filter(({ device }) => device === 'device-1').map(({ id }) => id),
      );
      const descending = await tenant.all<{ id: string }>('/v1/devices/device-1/readings?order=desc', 6);
      expect(descending).toEqual([...ascending].reverse());
    });

    test('accepts the good events of a batch and says what is wrong with the others', async () => {
      const tenant = new CellClient(cell, 'mixed');
      const bad: [string, unknown][] = [
        ['unknown_type', { ...asEvent(reading({ id: 'a' })), type: 'com.example.other' }],
        ['missing_attribute', { ...asEvent(reading({ id: 'b' })), subject: undefined }],
        ['invalid_data', { ...asEvent(reading({ id: 'c' })), data: { metric: 'temperature', value: 'warm' } }],
        ['time_in_future', asEvent(reading({ id: 'd', time: new Date(Date.now() + 3_600_000).toISOString() }))],
        ['invalid_attribute', { ...asEvent(reading({ id: 'e' })), subject: '../etc/passwd' }],
        ['invalid_attribute', asEvent(reading({ id: 'x'.repeat(1001) }))],
        ['invalid_attribute', asEvent(reading({ id: 'f\u0000' }))],
        ['invalid_event', 'no object'],
      ];
      const good = [asEvent(reading({ id: '../😀', device: 'odd' })), asEvent(reading({ id: 'plain', device: 'odd' }))];
      const response = await tenant.request('/v1/events', {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents-batch+json' },
        body: JSON.stringify([good[0], ...bad.map(([, event]) => event), good[1]]).replace('"warm"', '1e999'),
      });
      expect(response.status).toBe(207);
      const body = (await response.json()) as {
        accepted: number;
        rejected: number;
        results: { status: string; error?: { code: string } }[];
      };
      expect([body.accepted, body.rejected]).toEqual([2, bad.length]);
      expect(body.results.slice(1, -1).map(({ error }) => error?.code)).toEqual(bad.map(([code]) => code));
      await tenant.settled(2);
    });

    const refusals: [string, number, string, (client: CellClient) => Promise<Response>][] = [
      ['a body that is not JSON', 400, 'invalid_json', (client) => post(client, '{"specversion":')],
      ['NaN', 400, 'invalid_json', (client) => post(client, '{"data":{"value":NaN}}')],
      [
        'another content type',
        415,
        'unsupported_media_type',
        (client) => post(client, 'a=1', 'application/x-www-form-urlencoded'),
      ],
      ['JSON without event headers', 415, 'unsupported_media_type', (client) => post(client, '{}', 'application/json')],
      ['one byte more than 1 MiB', 413, 'payload_too_large', (client) => post(client, 'x'.repeat(1024 * 1024 + 1))],
      [
        '501 events',
        400,
        'invalid_batch',
        (client) =>
          post(client, `[${Array.from({ length: 501 }, () => '{}').join()}]`, 'application/cloudevents-batch+json'),
      ],
      ['no events', 400, 'invalid_batch', (client) => post(client, '[]', 'application/cloudevents-batch+json')],
      ['no token', 401, 'invalid_route_token', (client) => client.request('/v1/devices', {}, null)],
      [
        'a forged token',
        401,
        'invalid_route_token',
        (client) => client.request('/v1/devices', { headers: { 'x-polycell-route': 'e30.e30.AAAA' } }, null),
      ],
      [
        'an expired token',
        401,
        'invalid_route_token',
        (client) => client.request('/v1/devices', {}, { lifeSeconds: -10 }),
      ],
      [
        "another cell's token",
        421,
        'misdirected',
        (client) => client.request('/v1/devices', {}, { cell: 'elsewhere' }),
      ],
      [
        'a token without the scope',
        403,
        'missing_scope',
        (client) => client.request('/v1/devices', {}, { scopes: ['ingest'] }),
      ],
      ['an unknown path', 404, 'not_found', (client) => client.request('/v1/nothing')],
      [
        'another method',
        405,
        'method_not_allowed',
        (client) => client.request('/v1/devices', { method: 'PUT', body: '{}' }),
      ],
      [
        'a method that only other protocols have',
        405,
        'method_not_allowed',
        (client) => client.request('/v1/devices', { method: 'PROPFIND' }),
      ],
      ['a limit out of bounds', 400, 'invalid_parameter', (client) => client.request('/v1/devices?limit=1001')],
      ['a cursor that is none', 400, 'invalid_cursor', (client) => client.request('/v1/devices?cursor=AAAA')],
      ['a device that no device can be', 404, 'unknown_device', (client) => client.request('/v1/devices/%00..%20x')],
    ];
    test.each(refusals)('refuses %s with %i %s', async (_what, status, code, ask) => {
      const response = await ask(new CellClient(cell, 'refused'));
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code]);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(response.headers.get('x-polycell-cell')).toBe(cell.id);
    });

    test('answers HEAD with the headers of GET and no body', async () => {
      const tenant = new CellClient(cell, 'head');
      for (const path of ['/v1/devices', '/v1/devices/nobody', '/openapi.json']) {
        const [head, get] = [await tenant.request(path, { method: 'HEAD' }), await tenant.request(path)];
        const told = ({ status, headers }: Response) =>
          [status, ...['content-type', 'content-length', 'x-polycell-cell'].map((name) => headers.get(name))] as const;
        expect(told(head)).toEqual(told(get));
        expect([await head.text(), Buffer.byteLength(await get.text())]).toEqual([
          '',
          Number(head.headers.get('content-length')),
        ]);
      }
    });

    test("refuses a cursor of another tenant's query", async () => {
      const one = new CellClient(cell, 'cursor-one');
      await one.postUntilTaken(manyReadings(4, 4));
      await one.settled(4);
      const { next } = await one.get<{ next: string }>('/v1/devices?limit=2');
      const response = await new CellClient(cell, 'cursor-two').request(`/v1/devices?limit=2&cursor=${next}`);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'invalid_cursor']);
    });

    test('fences: once it has seen a newer epoch it refuses the older one', async () => {
      const tenant = new CellClient(cell, 'fenced');
      expect((await tenant.request('/v1/devices', {}, { epoch: 1 })).status).toBe(200);
      expect((await tenant.request('/v1/devices', {}, { epoch: 5 })).status).toBe(200);
      const stale = await tenant.request('/v1/devices', {}, { epoch: 4 });
      expect([stale.status, ((await stale.json()) as { code: string }).code]).toEqual([409, 'stale_epoch']);
      expect((await tenant.request('/v1/devices', {}, { epoch: 5 })).status).toBe(200);
    });

    test('reports its health and serves its OpenAPI document', async () => {
      const anyone = new CellClient(cell, 'anyone');
      const health = await anyone.request('/v1/health', {}, null);
      expect([health.status, await health.json()]).toEqual([
        200,
        expect.objectContaining({ status: 'ok', cell: cell.id, version: 'test' }),
      ]);
      expect((await anyone.request('/v1/health?deep=1', {}, null)).status).toBe(401);
      expect((await anyone.request('/v1/health?deep=1')).status).toBe(200);
      const document = (await (await anyone.request('/openapi.json', {}, null)).json()) as {
        openapi: string;
        paths: object;
      };
      expect(document.openapi).toBe('3.1.0');
      expect(Object.keys(document.paths)).toContain('/v1/events');
    });

    more(() => cell, notices);
  });
}

const post = (client: CellClient, body: string, type = 'application/cloudevents+json') =>
  client.request('/v1/events', { method: 'POST', headers: { 'content-type': type }, body });
