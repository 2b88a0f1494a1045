// What is refused above every adapter, with its exact code, and that nothing of it reaches the adapter.
import { MemoryStore } from '../../../adapters/memory/memory-store.ts';
import type { Json } from '../../../core/ports/json.ts';
import type { Store, Version, Write } from '../../../core/ports/store.ts';
import { checkedStore } from '../../../core/store/checked-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { faultyStore } from '../../support/faulty-store.ts';

function setUp() {
  const inner = faultyStore(new MemoryStore({ clock: new FakeClock() }));
  return { inner, store: checkedStore(inner) };
}

const asked = ({ calls }: ReturnType<typeof setUp>['inner']) => Object.values(calls).reduce((a, b) => a + b, 0);
const VERSION = '1' as Version;

describe('keys', () => {
  const uses: Record<string, (store: Store, partition: string, id: string) => Promise<unknown>> = {
    get: (store, partition, id) => store.get({ partition, id }),
    put: (store, partition, id) => store.put({ partition, id, body: 1 }, 'any'),
    append: async (store, partition, id) => {
      const [outcome] = await store.append([{ partition, id, body: 1 }]);
      if (outcome?.status === 'failed') throw outcome.error;
    },
    transact: (store, partition, id) => store.transact(partition, [{ kind: 'delete', id, expected: 'any' }]),
    delete: (store, partition, id) => store.delete({ partition, id }, VERSION),
  };

  test.each(Object.entries(uses))('%s refuses what no store takes', async (_name, use) => {
    const { inner, store } = setUp();
    const bad = [
      '',
      '/',
      'a\\b',
      '#',
      'a?',
      '\u0000',
      'a\n',
      '\u007f',
      '\ud800',
      'x\udc00',
      'x'.repeat(1001),
      'é'.repeat(501),
    ];
    for (const part of bad) {
      await expect(use(store, part, 'id')).rejects.toMatchObject({ name: 'PortError', code: 'invalid' });
      await expect(use(store, 'partition', part)).rejects.toMatchObject({ name: 'PortError', code: 'invalid' });
    }
    expect(asked(inner)).toBe(0);
  });

  test.each(Object.entries(uses))('%s takes what every store takes', async (name, use) => {
    const { store } = setUp();
    for (const part of ['a', ' ', '|!"$%&()*+,-.:;<=>@[]^_`{}~', '😀', 'x'.repeat(1000), '..', '__proto__']) {
      const work = use(store, part, part);
      if (name === 'delete') await expect(work).rejects.toMatchObject({ code: 'conflict' });
      else await expect(work).resolves.not.toBe('refused');
    }
  });

  test('a query refuses a bad partition', async () => {
    await expect(setUp().store.query('a/b', { limit: 1 })).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('bodies', () => {
  const text = (bytes: number) => 'x'.repeat(bytes - 2);

  test('256 KiB of JSON are taken, one byte more is too large', async () => {
    const { store, inner } = setUp();
    await store.put({ partition: 'p', id: 'a', body: text(262_144) }, 'absent');
    await expect(store.put({ partition: 'p', id: 'b', body: text(262_145) }, 'absent')).rejects.toMatchObject({
      code: 'too-large',
    });
    expect(await store.append([{ partition: 'p', id: 'c', body: text(262_145) }])).toMatchObject([
      { status: 'failed', error: { code: 'too-large' } },
    ]);
    expect(asked(inner)).toBe(1);
  });

  test('bytes count, not characters', async () => {
    const { store } = setUp();
    await expect(store.put({ partition: 'p', id: 'a', body: 'é'.repeat(131_072) }, 'absent')).rejects.toMatchObject({
      code: 'too-large',
    });
  });

  test('what JSON cannot say is invalid', async () => {
    const { store } = setUp();
    const circle: { [key: string]: Json } = {};
    circle.circle = circle;
    for (const body of [undefined, circle, (() => 1) as unknown, Symbol('x')]) {
      await expect(store.put({ partition: 'p', id: 'a', body: body as Json }, 'any')).rejects.toMatchObject({
        code: 'invalid',
      });
    }
  });
});

describe('transactions', () => {
  const puts = (count: number, bytes = 3): Write[] =>
    Array.from({ length: count }, (_, index) => ({
      kind: 'put',
      id: `d-${index}`,
      body: 'x'.repeat(bytes - 2),
      expected: 'absent',
    }));

  test.each<[string, Write[], string]>([
    ['no writes', [], 'invalid'],
    ['101 writes', puts(101), 'too-large'],
    ['two writes of one id', [...puts(1), { kind: 'check', id: 'd-0', expected: 'absent' }], 'invalid'],
    ['more than 1,500,000 bytes', puts(6, 250_001), 'too-large'],
  ])('%s', async (_case, writes, code) => {
    const { inner, store } = setUp();
    await expect(store.transact('p', writes)).rejects.toMatchObject({ code });
    expect(asked(inner)).toBe(0);
  });

  test('100 writes and 1,500,000 bytes are taken', async () => {
    expect(await setUp().store.transact('p', puts(100))).toHaveLength(100);
    expect(await setUp().store.transact('p', puts(6, 250_000))).toHaveLength(6);
  });
});

test.each([0, -1, 1001, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  'a query with the limit %d is invalid',
  async (limit) => {
    const { inner, store } = setUp();
    await expect(store.query('p', { limit })).rejects.toMatchObject({ code: 'invalid' });
    expect(asked(inner)).toBe(0);
  },
);

test('queries of 1 and of 1,000 documents are taken', async () => {
  const { store } = setUp();
  expect(await store.query('p', { limit: 1 })).toEqual({ items: [] });
  expect(await store.query('p', { limit: 1000 })).toEqual({ items: [] });
});
