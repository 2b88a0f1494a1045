// What reads refuse: parameters, cursors of something else, and everything of other tenants.
import { items, type Loose, refusal, type TestCell } from '../../../../test/support/cell.ts';
import { candidate } from '../../../../test/support/events.ts';
import { filled, GLOBEX, telemetryCell, values } from './filled-cell.ts';

describe('parameters', () => {
  test.each(['1', '1000'])('limit=%s', async (limit) => {
    expect((await (await filled()).call(`/v1/devices?limit=${limit}`)).status).toBe(200);
  });

  test.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1.5',
    'limit=1e2',
    'limit=',
    'limit=%2010',
    'limit=ten',
    'limit=99999999999999999999',
    'limit=1&limit=2',
    'order=up',
    'order=ASC',
    'window=1h',
    'from=yesterday',
    'from=2026-11-21',
    'from=2026-11-21T07:40:00+01:00',
    'to=',
    'metric=',
    'metric=a&metric=b',
    'unknown=1',
    '__proto__=1',
    'constructor=1',
  ])('readings?%s: 400', async (query) => {
    const answer = await telemetryCell().call(`/v1/devices/pump-1/readings?${query}`);
    expect(refusal(answer)).toBe('400 invalid_parameter');
    expect(answer.body.errors).toHaveLength(1);
  });

  test('all faults are reported at once', async () => {
    const { body } = await telemetryCell().call('/v1/devices/pump-1/rollups?window=2h&limit=0&x=1');
    expect((body.errors as unknown as Loose[]).map(({ parameter }) => parameter)).toEqual(['x', 'window', 'limit']);
  });
});

describe('cursors', () => {
  const cursorOf = async (cell: TestCell, path: string, more = {}) => String((await cell.call(path, more)).body.next);

  test('of another query, device, parameter or route are refused', async () => {
    const cell = await filled();
    const cursor = await cursorOf(cell, '/v1/devices/pump-1/readings?metric=t&limit=1');
    const ok = await cell.call(`/v1/devices/pump-1/readings?metric=t&limit=3&cursor=${cursor}`);
    expect(values(ok)).toEqual([2, 4, 5]);
    for (const path of [
      '/v1/devices/pump-2/readings?metric=t&limit=1',
      '/v1/devices/pump-1/readings?metric=rpm&limit=1',
      '/v1/devices/pump-1/readings?limit=1',
      '/v1/devices/pump-1/readings?metric=t&order=desc',
      '/v1/devices/pump-1/readings?metric=t&from=2026-11-21T07:40:00Z',
      '/v1/devices/pump-1/rollups?metric=t',
      '/v1/devices?limit=1',
      '/v1/alerts?limit=1',
      '/v1/parked?limit=1',
    ]) {
      expect(refusal(await cell.call(`${path}&cursor=${cursor}`))).toBe('400 invalid_cursor');
    }
  });

  // Both were given out by the version before units were kept apart; clients page on through an upgrade.
  test.each([
    ['readings?limit=2', 'czgwN1BuNE1lclZyZWI0dzIwMjYtMTEtMjFUMDc6NDA6MDAhWEc3NHRTLUJLbnVjS2xxag'],
    ['rollups?window=1h&limit=1', 'ZEpZSDhTWGVTd3FEWVJXLTFoIXJwbSEyMDI2LTExLTIxVDA3'],
  ])('of the version before go on behind the same item: %s', async (read, cursor) => {
    const cell = await filled();
    const path = `/v1/devices/pump-1/${read}`;
    const now = await cursorOf(cell, path);
    expect(now).not.toBe(cursor);
    const next = await cell.call(`${path}&cursor=${cursor}`);
    expect(next.status).toBe(200);
    expect(next.body).toEqual((await cell.call(`${path}&cursor=${now}`)).body);
    expect(items(next)).not.toHaveLength(0);
  });

  test('of another tenant are refused', async () => {
    const cell = await filled();
    await cell.post([candidate({ id: 'x', subject: 'pump-2', time: '2026-11-21T06:00:00Z' })], GLOBEX);
    await cell.pump();
    const cursor = await cursorOf(cell, '/v1/devices?limit=1');
    expect(refusal(await cell.call(`/v1/devices?limit=1&cursor=${cursor}`, GLOBEX))).toBe('400 invalid_cursor');
  });

  test.each(['', 'x', 'AAAA', '%00', '!!!!', 'a'.repeat(5000), '%F0%9F%9A%B0', 'AAAAAAAAAAAAAAAAAAAAAA', '_____w'])(
    'that are none are refused: %s',
    async (cursor) => {
      const cell = await filled();
      expect(refusal(await cell.call(`/v1/devices?cursor=${cursor}`))).toBe('400 invalid_cursor');
      expect(refusal(await cell.call(`/v1/parked?cursor=${cursor}`))).toBe('400 invalid_cursor');
    },
  );

  test('a cut or changed cursor is refused or harmless', async () => {
    const cell = await filled();
    const cursor = await cursorOf(cell, '/v1/devices/pump-1/readings?limit=1');
    for (let cut = 1; cut < cursor.length; cut += 1) {
      const { status } = await cell.call(`/v1/devices/pump-1/readings?limit=1&cursor=${cursor.slice(0, cut)}`);
      expect([200, 400]).toContain(status);
    }
  });
});

describe('tenants', () => {
  test('see their own and nothing else', async () => {
    const cell = await filled();
    expect((await cell.call('/v1/devices', GLOBEX)).body.items).toMatchObject([
      { id: 'pump-1', readings: 1, metrics: { secret: { value: 7 } } },
    ]);
    expect(JSON.stringify((await cell.call('/v1/devices')).body)).not.toContain('secret');
    expect(values(await cell.call('/v1/devices/pump-1/readings', GLOBEX))).toEqual([7]);
    expect(items(await cell.call('/v1/devices/pump-1/rollups', GLOBEX))).toMatchObject([
      { metric: 'secret', count: 1 },
    ]);
    expect(refusal(await cell.call('/v1/devices/pump-2', GLOBEX))).toBe('404 unknown_device');
    for (const path of ['', '/readings', '/rollups'])
      expect(refusal(await cell.call(`/v1/devices/pump-2${path}`, GLOBEX))).toBe('404 unknown_device');
  });

  test('whose names begin alike are not mixed up', async () => {
    const cell = telemetryCell();
    await cell.post([candidate({ id: 'x' })], { token: { claims: { ten: 'acme2' } } });
    await cell.pump();
    expect((await cell.call('/v1/devices')).body.items).toEqual([]);
    expect((await cell.call('/v1/devices', { token: { claims: { ten: 'acm' } } })).body.items).toEqual([]);
  });
});
