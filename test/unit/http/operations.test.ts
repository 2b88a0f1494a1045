// Parked events over HTTP: listed, redriven and dropped, by their tenant alone.
import { type CellOptions, type Loose, refusal, type TestCell, testCell } from '../../support/cell.ts';
import { candidate } from '../../support/events.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const GLOBEX = { token: { claims: { ten: 'globex' } } };

/** A release whose consumer `rollups` cannot process events whose id begins with `bad`, until it is fixed. */
async function withParked(options: CellOptions = {}): Promise<{ cell: TestCell; mend: () => void }> {
  let broken = true;
  const cell = testCell({
    ...options,
    consumer: (consumer) => ({
      name: consumer.name,
      async apply(events) {
        if (broken && consumer.name === 'rollups' && events.some(({ event }) => event.id.startsWith('bad')))
          throw new TypeError('cannot do this');
        await consumer.apply(events);
      },
    }),
  });
  await cell.post(['good', 'bad-1', 'bad-2', 'bad-3'].map((id) => candidate({ id })));
  await cell.post([candidate({ id: 'bad-9' })], GLOBEX);
  await cell.pump();
  return {
    cell,
    mend: () => {
      broken = false;
    },
  };
}

/** Follows the pages: without a consumer there is at least one for each. */
const listOf = async (cell: TestCell, query = '', more = {}): Promise<Loose[]> => {
  const found: Loose[] = [];
  let cursor = '';
  for (let pages = 0; pages < 20; pages += 1) {
    const { status, body } = await cell.call(`/v1/parked${query || '?'}${cursor}`, more);
    expect(status).toBe(200);
    found.push(...(body.items as unknown as Loose[]));
    if (body.next === null) break;
    cursor = `&cursor=${String(body.next)}`;
  }
  return found;
};

const idsOf = (parked: readonly Loose[]) => parked.map(({ event }) => event?.id).sort();
const redrive = (cell: TestCell, body: unknown, more = {}) =>
  cell.call('/v1/parked/redrive', { method: 'POST', body, ...more });

describe('the list', () => {
  test('lists what was parked and why', async () => {
    const { cell } = await withParked();
    const parked = await listOf(cell, '?consumer=rollups');
    expect(idsOf(parked)).toEqual(['bad-1', 'bad-2', 'bad-3']);
    expect(parked[0]).toEqual({
      id: expect.stringMatching(/^rollups\.[\w-]{16}$/),
      consumer: 'rollups',
      tenant: 'acme',
      parkedAt: '2026-11-21T07:41:03.000Z',
      reason: { code: 'TypeError', message: 'cannot do this' },
      event: expect.objectContaining({ subject: 'pump-1', data: { metric: 'temperature', value: 21.5, unit: 'Cel' } }),
    });
    expect(await listOf(cell, '?consumer=device-state')).toEqual([]);
    expect(await listOf(cell, '?consumer=relay')).toEqual([]);
  });

  test('harms nothing beside it: the good event is counted, and the other consumer has them all', async () => {
    const { cell } = await withParked();
    expect((await cell.call('/v1/devices/pump-1')).body.readings).toBe(4);
    expect((await cell.call('/v1/devices/pump-1/rollups')).body.items).toMatchObject([{ count: 4 }]);
  });

  test('of all consumers, by pages to the end', async () => {
    const { cell } = await withParked();
    const found = await listOf(cell, '?limit=2');
    expect(idsOf(found)).toEqual(['bad-1', 'bad-2', 'bad-3']);
  });

  test('an unknown consumer, and cursors that are none', async () => {
    const { cell } = await withParked();
    for (const name of ['alerts', '__proto__', 'rollups|x', '../x'])
      expect(refusal(await cell.call(`/v1/parked?consumer=${name}`))).toBe('400 unknown_consumer');
    expect(refusal(await cell.call('/v1/parked?consumer='))).toBe('400 invalid_parameter');
    const { body } = await cell.call('/v1/parked?consumer=rollups&limit=1');
    const cursor = String(body.next);
    expect(refusal(await cell.call(`/v1/parked?consumer=device-state&cursor=${cursor}`))).toBe('400 invalid_cursor');
    expect(refusal(await cell.call(`/v1/parked?cursor=${cursor}`))).toBe('400 invalid_cursor');
    expect(refusal(await cell.call(`/v1/parked?consumer=rollups&cursor=${cursor}`, GLOBEX))).toBe('400 invalid_cursor');
  });
});

describe('redrive', () => {
  test('a misspelt field is refused: without ids everything would be redriven', async () => {
    const { cell } = await withParked();
    const answer = await redrive(cell, { consumer: 'rollups', id: ['rollups.AAAAAAAAAAAAAAAA'] });
    expect(refusal(answer)).toBe('400 invalid_body');
    expect(idsOf(await listOf(cell))).toEqual(['bad-1', 'bad-2', 'bad-3']);
  });

  test('sends all parked events of a consumer again once it is fixed', async () => {
    const { cell, mend } = await withParked();
    mend();
    const { status, body } = await redrive(cell, { consumer: 'rollups' });
    expect([status, body]).toEqual([200, { redriven: 3, failed: 0, more: false }]);
    expect(await listOf(cell)).toEqual([]);
    const before = cell.bus.waiting('device-state');
    await cell.pump();
    expect(before).toBe(0);
    expect((await cell.call('/v1/devices/pump-1/rollups')).body.items).toMatchObject([{ count: 4, sum: 86 }]);
    expect(await listOf(cell)).toEqual([]);
  });

  test('parks again what still cannot be processed, once', async () => {
    const { cell } = await withParked();
    await redrive(cell, { consumer: 'rollups' });
    await cell.pump();
    expect(await listOf(cell)).toHaveLength(3);
  });

  test('sends some by their ids; unknown ones and those of others count as failed', async () => {
    const { cell, mend } = await withParked();
    mend();
    const [first, second] = await listOf(cell, '?consumer=rollups');
    const [theirs] = await listOf(cell, '?consumer=rollups', GLOBEX);
    const ids = [
      first?.id,
      'rollups.AAAAAAAAAAAAAAAA',
      'nonsense',
      theirs?.id,
      `device-state.${String(second?.id).slice(8)}`,
    ];
    expect((await redrive(cell, { consumer: 'rollups', ids })).body).toEqual({ redriven: 1, failed: 4, more: false });
    expect(await listOf(cell)).toHaveLength(2);
    expect(await listOf(cell, '', GLOBEX)).toHaveLength(1);
  });

  test('an id named twice is sent once', async () => {
    const { cell, mend } = await withParked();
    mend();
    const [first] = await listOf(cell);
    const sent = cell.bus.published.length;
    const { body } = await redrive(cell, { consumer: 'rollups', ids: [first?.id, first?.id] });
    expect(body).toEqual({ redriven: 1, failed: 0, more: false });
    await cell.pump();
    expect(cell.bus.published).toHaveLength(sent + 1);
  });

  test('no ids are none, not all', async () => {
    const { cell } = await withParked();
    expect((await redrive(cell, { consumer: 'rollups', ids: [] })).body).toEqual({
      redriven: 0,
      failed: 0,
      more: false,
    });
    expect(await listOf(cell)).toHaveLength(3);
  });

  test('what the log does not take stays parked', async () => {
    let down = false;
    const { cell } = await withParked({ events: () => (down ? { code: 'throttled', when: 'before' } : undefined) });
    down = true;
    expect(refusal(await redrive(cell, { consumer: 'rollups' }))).toBe('503 store_unavailable');
    expect(idsOf(await listOf(cell))).toEqual(['bad-1', 'bad-2', 'bad-3']);
  });

  test('more than a hundred: the answer says so', async () => {
    const { cell } = await withParked();
    await cell.post(Array.from({ length: 120 }, (_, index) => candidate({ id: `bad-x${index}` })));
    await cell.pump();
    expect((await redrive(cell, { consumer: 'rollups' })).body).toEqual({ redriven: 100, failed: 0, more: true });
    expect((await redrive(cell, { consumer: 'rollups' })).body).toEqual({ redriven: 23, failed: 0, more: false });
  });

  test('what could not be read has no event to send, and stays', async () => {
    const { cell } = await withParked();
    await cell.parking.park({
      consumer: 'rollups',
      tenant: 'acme',
      event: undefined,
      subject: '{half',
      reason: { code: 'unreadable', message: 'x' },
    });
    expect((await redrive(cell, { consumer: 'rollups' })).body).toEqual({ redriven: 3, failed: 0, more: false });
    const left = await listOf(cell);
    expect(left).toMatchObject([{ text: '{half', reason: { code: 'unreadable' } }]);
    const [id = ''] = left.map((parked) => String(parked.id));
    expect((await redrive(cell, { consumer: 'rollups', ids: [id, id] })).body).toEqual({
      redriven: 0,
      failed: 1,
      more: false,
    });
    expect((await cell.call(`/v1/parked/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await listOf(cell)).toEqual([]);
  });

  test('a hundred and more that can never be sent hold up no others', async () => {
    const { cell } = await withParked();
    for (let index = 0; index < 120; index += 1) {
      const reason = { code: 'unreadable', message: 'x' };
      await cell.parking.park({ consumer: 'rollups', tenant: 'acme', event: undefined, subject: `{${index}`, reason });
    }
    expect((await redrive(cell, { consumer: 'rollups' })).body).toEqual({ redriven: 3, failed: 0, more: false });
    expect((await cell.call('/v1/parked?consumer=rollups&limit=1000')).body.items).toHaveLength(120);
  });

  test('the relay sends what it parked to all consumers', async () => {
    const cell = testCell();
    cell.bus.fault = () => 'too-large';
    await cell.post([candidate()]);
    await cell.pump();
    expect(idsOf(await listOf(cell, '?consumer=relay'))).toEqual(['r-1']);
    cell.bus.fault = () => undefined;
    expect((await redrive(cell, { consumer: 'relay' })).body).toMatchObject({ redriven: 1 });
    await cell.pump();
    expect((await cell.call('/v1/devices/pump-1')).body.readings).toBe(1);
    expect((await cell.call('/v1/devices/pump-1/rollups')).body.items).toHaveLength(1);
  });

  test.each<[string, string, unknown]>([
    ['nothing', '400 invalid_json', ''],
    ['no JSON', '400 invalid_json', '{'],
    ['a list', '400 invalid_body', []],
    ['null', '400 invalid_body', 'null'],
    ['no consumer', '400 invalid_body', {}],
    ['a consumer that is no text', '400 invalid_body', { consumer: 1 }],
    ['an unknown consumer', '400 unknown_consumer', { consumer: 'alerts' }],
    ['ids that are no list', '400 invalid_body', { consumer: 'rollups', ids: 'all' }],
    ['ids that are no texts', '400 invalid_body', { consumer: 'rollups', ids: [1] }],
    ['ids of null', '400 invalid_body', { consumer: 'rollups', ids: null }],
    ['101 ids', '400 invalid_body', { consumer: 'rollups', ids: Array.from({ length: 101 }, () => 'x') }],
    ['more than 64 KiB', '413 payload_too_large', { consumer: 'rollups', padding: 'x'.repeat(65_536) }],
  ])('a body of %s: %s', async (_case, expected, body) => {
    expect(refusal(await redrive(testCell(), body))).toBe(expected);
  });
});

describe('drop', () => {
  const drop = (cell: TestCell, id: unknown, more = {}) =>
    cell.call(`/v1/parked/${String(id)}`, { method: 'DELETE', ...more });

  test('removes one for good; a repeat finds nothing', async () => {
    const { cell } = await withParked();
    const [first] = await listOf(cell);
    const answer = await drop(cell, first?.id);
    expect([answer.status, answer.body, answer.headers.get('x-polycell-cell')]).toEqual([204, {}, 'cell-1']);
    expect(await listOf(cell)).toHaveLength(2);
    expect(refusal(await drop(cell, first?.id))).toBe('404 unknown_parked_event');
  });

  test("another tenant's is not there", async () => {
    const { cell } = await withParked();
    const [first] = await listOf(cell);
    expect(refusal(await drop(cell, first?.id, GLOBEX))).toBe('404 unknown_parked_event');
    expect(await listOf(cell)).toHaveLength(3);
  });

  test.each([
    'x',
    'redrive',
    'rollups.',
    'rollups.x',
    'rollups.AAAAAAAAAAAAAAAA',
    'a%7Cb.AAAAAAAAAAAAAAAA',
    '%00',
    'x'.repeat(3000),
  ])('%s is not there', async (id) => {
    expect(refusal(await drop(testCell(), id))).toBe('404 unknown_parked_event');
  });
});

test('a store that fails: 503', async () => {
  let down = false;
  const { cell } = await withParked({
    state: (method) => (down && method !== 'get' ? { code: 'throttled', when: 'before' } : undefined),
  });
  const [first] = await listOf(cell);
  down = true;
  expect(refusal(await cell.call('/v1/parked'))).toBe('503 store_unavailable');
  expect(refusal(await redrive(cell, { consumer: 'rollups' }))).toBe('503 store_unavailable');
  expect(refusal(await cell.call(`/v1/parked/${String(first?.id)}`, { method: 'DELETE' }))).toBe(
    '503 store_unavailable',
  );
});

describe('a cell that needs leases', () => {
  const EDGE = 'https://edge.example';
  const answering = (answer: string): CellOptions => ({
    edge: EDGE,
    clock: new FakeClock(),
    fetch: async () => Response.json({ tenants: { acme: answer } }),
  });

  test.each([
    ['elsewhere', 'the cell does not serve the tenant'],
    ['waits', 'effects of the cell that served the tenant before may not be over'],
  ])('refuses to redrive and to drop what is %s, and lists it', async (answer, why) => {
    const { cell } = await withParked(answering(answer));
    const [first] = await listOf(cell, '?consumer=rollups');
    const refused = await redrive(cell, { consumer: 'rollups' });
    expect([refusal(refused), refused.headers.get('retry-after')]).toEqual(['503 no_lease', '5']);
    expect(refused.body.detail).toBe(`Only the cell with the tenant’s lease may do this: ${why}.`);
    expect(refusal(await cell.call(`/v1/parked/${first?.id}`, { method: 'DELETE' }))).toBe('503 no_lease');
    expect(await listOf(cell, '?consumer=rollups')).toHaveLength(3);
  });

  test('refuses both while the edge does not answer', async () => {
    const { cell } = await withParked({ edge: EDGE });
    expect(refusal(await redrive(cell, { consumer: 'rollups' }))).toBe('503 no_lease');
    expect(refusal(await redrive(cell, { consumer: 'nobody' }))).toBe('400 unknown_consumer');
  });

  test('does both with a lease', async () => {
    const { cell, mend } = await withParked(answering('granted'));
    mend();
    const [first] = await listOf(cell, '?consumer=rollups');
    expect((await cell.call(`/v1/parked/${first?.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await redrive(cell, { consumer: 'rollups' })).body).toMatchObject({ redriven: 2 });
  });
});

test('what events say is for the scope read; without it they are listed by what identifies them', async () => {
  const { cell } = await withParked();
  await cell.parking.park({
    consumer: 'rollups',
    tenant: 'acme',
    event: undefined,
    subject: 'a secret text',
    reason: { code: 'unreadable', message: 'It is no event.' },
  });
  const query = '?consumer=rollups';
  const whole = await listOf(cell, query, { token: { claims: { scp: ['operate', 'read'] } } });
  const partial = await listOf(cell, query, { token: { claims: { scp: ['operate'] } } });
  expect(whole.map(({ event, text, withheld }) => [event?.data !== undefined || text !== undefined, withheld])).toEqual(
    whole.map(() => [true, undefined]),
  );
  expect(partial).toEqual(
    whole.map(({ event, text, ...rest }) => {
      if (event === undefined) return { ...rest, withheld: true };
      const { data, ...attributes } = event;
      return { ...rest, event: attributes, withheld: true };
    }),
  );
  expect(JSON.stringify(partial)).not.toContain('a secret text');
});
