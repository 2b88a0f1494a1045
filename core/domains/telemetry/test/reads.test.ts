// The reads, to the letter: devices, readings, rollups and alerts, their filters and pages.
import { type Answer, items, type Loose, refusal, type TestCell } from '../../../../test/support/cell.ts';
import { candidate, measured } from '../../../../test/support/events.ts';
import { filled, telemetryCell, values } from './filled-cell.ts';

/** Follows `next` to the end. */
async function all(cell: TestCell, path: string): Promise<{ items: Loose[]; pages: number }> {
  const found: Loose[] = [];
  let cursor = '';
  for (let pages = 1; pages < 100; pages += 1) {
    const answer = await cell.call(path + cursor);
    expect(answer.status).toBe(200);
    found.push(...items(answer));
    if (answer.body.next === null) return { items: found, pages };
    cursor = `&cursor=${String(answer.body.next)}`;
  }
  throw new Error('There is no end to the pages.');
}

test.each(['%FC', '%C3', '%ED%A0%80', 'a%80b', '%F0%9F%98'])(
  'a query that is not UTF-8 is refused: %s',
  async (metric) => {
    const cell = await filled();
    expect(refusal(await cell.call(`/v1/devices/pump-1/readings?metric=${metric}`))).toBe('400 invalid_parameter');
  },
);

test.each(['t%20x', '100%', '%C3%BC', 'a+b'])('a query in UTF-8 is taken: %s', async (metric) => {
  const cell = await filled();
  expect((await cell.call(`/v1/devices/pump-1/readings?metric=${metric}`)).status).toBe(200);
});

describe('devices', () => {
  test('a device, to the letter', async () => {
    const cell = await filled();
    const { status, headers, body } = await cell.call('/v1/devices/pump-1');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(body).toEqual({
      id: 'pump-1',
      lastSeen: '2026-11-21T07:41:00Z',
      readings: 5,
      metrics: {
        t: { value: 5, unit: 'u', time: '2026-11-21T07:41:00Z' },
        rpm: { value: 3, unit: 'u', time: '2026-11-21T07:40:00.5Z' },
      },
    });
    expect((await cell.call('/v1/devices/pump-2')).body).toEqual({
      id: 'pump-2',
      lastSeen: '2026-11-21T07:00:00Z',
      readings: 1,
      metrics: { t: { value: 9, time: '2026-11-21T07:00:00Z' } },
    });
  });

  test('the list, by id, and by pages', async () => {
    const cell = await filled();
    const { body } = await cell.call('/v1/devices');
    expect(body).toMatchObject({ items: [{ id: 'pump-1', readings: 5 }, { id: 'pump-2' }], next: null });
    expect(await all(cell, '/v1/devices?limit=1')).toMatchObject({
      items: [{ id: 'pump-1' }, { id: 'pump-2' }],
      pages: 2,
    });
  });

  test('nothing stored: an empty page', async () => {
    expect((await telemetryCell().call('/v1/devices')).body).toEqual({ items: [], next: null });
  });

  test('a metric named like a part of prototypes is a metric', async () => {
    const cell = telemetryCell();
    await cell.post([
      candidate({ id: 'a', data: measured('__proto__', 1) }),
      candidate({ id: 'b', data: measured('constructor', 2) }),
    ]);
    await cell.pump();
    const { body } = await cell.call('/v1/devices/pump-1');
    expect(JSON.parse(JSON.stringify(Object.keys(body.metrics ?? {}).sort()))).toEqual(['__proto__', 'constructor']);
    const rollups = await cell.call('/v1/devices/pump-1/rollups?metric=__proto__');
    expect(items(rollups)).toMatchObject([{ metric: '__proto__', count: 1, sum: 1 }]);
  });

  test.each(['pump-9', 'a%2Fb', '%00', '%F0%9F%9A%B0', `${'d'.repeat(129)}`, 'a%7Cb'])(
    'an unknown device %s: 404',
    async (id) => {
      const cell = await filled();
      for (const path of [`/v1/devices/${id}`, `/v1/devices/${id}/readings`, `/v1/devices/${id}/rollups`])
        expect(refusal(await cell.call(path))).toMatch(/^404 (unknown_device|not_found)$/);
    },
  );
});

describe('readings', () => {
  test('to the letter, upwards and downwards', async () => {
    const cell = await filled();
    const { body } = await cell.call('/v1/devices/pump-1/readings?limit=1');
    expect(body.items).toEqual([
      { id: 't39:59.9', source: 'urn:gateway:7', time: '2026-11-21T07:39:59.9Z', metric: 't', value: 1, unit: 'u' },
    ]);
    expect(values(await cell.call('/v1/devices/pump-1/readings'))).toEqual([1, 2, 3, 4, 5]);
    expect(values(await cell.call('/v1/devices/pump-1/readings?order=desc'))).toEqual([5, 4, 3, 2, 1]);
    expect(items(await cell.call('/v1/devices/pump-2/readings'))).toEqual([
      { id: 'other', source: 'urn:gateway:7', time: '2026-11-21T07:00:00Z', metric: 't', value: 9 },
    ]);
  });

  test.each([
    ['from=2026-11-21T07:40:00Z', [2, 3, 4, 5]],
    ['from=2026-11-21T07:40:00.0001Z', [3, 4, 5]],
    ['from=2026-11-21T07:40:00.5Z', [3, 4, 5]],
    ['from=2026-11-21T07:40:00.50Z', [3, 4, 5]],
    ['to=2026-11-21T07:40:00Z', [1]],
    ['to=2026-11-21T07:40:00.500Z', [1, 2]],
    ['to=2026-11-21T07:40:00.501Z', [1, 2, 3]],
    ['from=2026-11-21T07:40:00Z&to=2026-11-21T07:41:00Z', [2, 3, 4]],
    ['from=2026-11-21T08:40:00%2B01:00&to=2026-11-21T08:41:00%2B01:00&order=desc', [4, 3, 2]],
    ['from=2026-11-21T07:41:00Z&to=2026-11-21T07:40:00Z', []],
    ['from=2027-01-01T00:00:00Z', []],
    ['metric=t', [1, 2, 4, 5]],
    ['metric=rpm', [3]],
    ['metric=none', []],
    ['metric=T', []],
    ['metric=t&from=2026-11-21T07:40:30Z', [4, 5]],
  ])('%s', async (query, expected) => {
    const cell = await filled();
    expect(values(await cell.call(`/v1/devices/pump-1/readings?${query}`))).toEqual(expected);
    const { items: paged } = await all(cell, `/v1/devices/pump-1/readings?limit=1&${query}`);
    expect(paged.map(({ value }) => value)).toEqual(expected);
  });

  test('a reading is there before its device is: the log is asked, too', async () => {
    const cell = telemetryCell();
    await cell.post([candidate()]);
    expect((await cell.call('/v1/devices/pump-1/readings')).body.items).toHaveLength(1);
    expect((await cell.call('/v1/devices/pump-1/rollups')).body).toEqual({ items: [], next: null });
    expect(refusal(await cell.call('/v1/devices/pump-1'))).toBe('404 unknown_device');
  });

  test('poison in the log is left out', async () => {
    const cell = await filled();
    await cell.eventsMemory.append([
      {
        partition: 'acme|pump-1',
        id: '2026-11-21T07:40:30!AAAAAAAAAAAAAAAA',
        body: { id: 'x', source: 's', type: 'io.polycell.reading.v1', data: { metric: 5 } },
      },
      { partition: 'acme|pump-1', id: '2026-11-21T07:40:31!AAAAAAAAAAAAAAAA', body: null },
    ]);
    expect(values(await cell.call('/v1/devices/pump-1/readings'))).toEqual([1, 2, 3, 4, 5]);
  });

  test('a search that finds little reads no more than its share, and goes on from its cursor', async () => {
    const cell = telemetryCell();
    const batch = Array.from({ length: 60 }, (_, second) =>
      candidate({
        id: `${second}`,
        time: `2026-11-21T07:40:${String(second).padStart(2, '0')}Z`,
        data: measured(second === 59 ? 'rare' : 't', second),
      }),
    );
    await cell.post(batch);
    const first = await cell.call('/v1/devices/pump-1/readings?metric=rare&limit=2');
    expect(first.body.items).toEqual([]);
    expect(first.body.next).not.toBeNull();
    expect(cell.events.calls.query).toBe(10);
    const { items: found } = await all(cell, '/v1/devices/pump-1/readings?metric=rare&limit=2');
    expect(found.map(({ value }) => value)).toEqual([59]);
  });
});

describe('rollups', () => {
  const starts = (answer: Answer) =>
    items(answer).map(
      ({ metric, start, count }) => `${String(metric)} ${String(start).slice(11, 16)} ${String(count)}`,
    );

  test('to the letter, an hour wide unless asked otherwise', async () => {
    const cell = await filled();
    const { body } = await cell.call('/v1/devices/pump-1/rollups?metric=t');
    expect(body).toEqual({
      items: [
        {
          metric: 't',
          unit: 'u',
          window: '1h',
          start: '2026-11-21T07:00:00.000Z',
          count: 4,
          min: 1,
          max: 5,
          sum: 12,
          last: 5,
        },
      ],
      next: null,
    });
    expect((await cell.call('/v1/devices/pump-1/rollups?metric=t&window=1d')).body.items).toMatchObject([
      { window: '1d', start: '2026-11-21T00:00:00.000Z', count: 4 },
    ]);
  });

  test.each([
    ['', ['rpm 07:40 1', 't 07:39 1', 't 07:40 2', 't 07:41 1']],
    ['&metric=t', ['t 07:39 1', 't 07:40 2', 't 07:41 1']],
    ['&metric=t&from=2026-11-21T07:40:00Z', ['t 07:40 2', 't 07:41 1']],
    ['&metric=t&from=2026-11-21T07:40:00.001Z', ['t 07:41 1']],
    ['&metric=t&from=2026-11-21T07:40:30Z', ['t 07:41 1']],
    ['&metric=t&to=2026-11-21T07:40:00Z', ['t 07:39 1']],
    ['&metric=t&to=2026-11-21T07:40:00.001Z', ['t 07:39 1', 't 07:40 2']],
    ['&metric=t&to=2026-11-21T07:41:00Z', ['t 07:39 1', 't 07:40 2']],
    ['&from=2026-11-21T07:39:30Z&to=2026-11-21T07:40:30Z', ['rpm 07:40 1', 't 07:40 2']],
    ['&from=2026-11-21T07:40:30Z&to=2026-11-21T07:40:40Z', []],
    ['&metric=none', []],
  ])('by the minute%s', async (query, expected) => {
    const cell = await filled();
    const path = `/v1/devices/pump-1/rollups?window=1m${query}`;
    expect(starts(await cell.call(path))).toEqual(expected);
    const { items: paged } = await all(cell, `${path}&limit=1`);
    expect(paged).toHaveLength(expected.length);
  });

  test.each([
    ['1h', 'from=2026-11-21T07:00:00Z', 1],
    ['1h', 'from=2026-11-21T07:00:01Z', 0],
    ['1h', 'to=2026-11-21T07:00:00Z', 0],
    ['1h', 'to=2026-11-21T07:00:01Z', 1],
    ['1d', 'from=2026-11-21T00:00:00Z', 1],
    ['1d', 'from=2026-11-21T00:00:00.000000000000000001Z', 0],
    ['1d', 'to=2026-11-21T00:00:00Z', 0],
    ['1d', 'to=2026-11-21T00:00:00.1Z', 1],
  ])('a border inside a window of %s: %s', async (window, query, count) => {
    const cell = await filled();
    for (const metric of ['', '&metric=t']) {
      const answer = await cell.call(`/v1/devices/pump-2/rollups?window=${window}&${query}${metric}`);
      expect(items(answer)).toHaveLength(count);
    }
  });

  test('metrics with hostile names stay distinct', async () => {
    const cell = telemetryCell();
    const names = ['a/b', 'a\\b', 'a!b', 'a', 'a!', '!', '*', '🚰', 'a\u0000b', 'x'.repeat(128), '#?', '..', ' '];
    await cell.post(names.map((name, index) => candidate({ id: `${index}`, data: measured(name, index) })));
    await cell.pump();
    const { body } = await cell.call('/v1/devices/pump-1/rollups');
    expect((body.items as unknown as Loose[]).map(({ metric }) => metric).sort()).toEqual([...names].sort());
    for (const [index, name] of names.entries()) {
      const answer = await cell.call(`/v1/devices/pump-1/rollups?metric=${encodeURIComponent(name)}`);
      expect(items(answer)).toMatchObject([{ metric: name, sum: index, count: 1 }]);
      const log = await cell.call(`/v1/devices/pump-1/readings?metric=${encodeURIComponent(name)}`);
      expect(values(log)).toEqual([index]);
    }
  });
});

test('there are no alerts yet', async () => {
  const cell = await filled();
  expect((await cell.call('/v1/alerts?state=active')).body).toEqual({ items: [], next: null });
  expect((await cell.call('/v1/alerts?limit=5')).body).toEqual({ items: [], next: null });
  expect(refusal(await cell.call('/v1/alerts?state=open'))).toBe('400 invalid_parameter');
});
