// The map that forgets what was used longest ago.
import fc from 'fast-check';
import { BoundedCache } from '../../../core/lib/bounded-cache.ts';
import { property } from '../../support/properties.ts';

test('forgets the entry that was used longest ago', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3);
  expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.size]).toEqual([1, undefined, 3, 2]);
});

test('setting an entry again uses it and forgets nothing', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.set('a', 3);
  expect(cache.size).toBe(2);
  cache.set('c', 4);
  expect([cache.get('a'), cache.get('b')]).toEqual([3, undefined]);
});

test('deletes', () => {
  const cache = new BoundedCache<string, number>(2);
  cache.set('a', 1);
  cache.delete('a');
  cache.delete('b');
  expect([cache.get('a'), cache.size]).toEqual([undefined, 0]);
});

const step = fc.record({
  kind: fc.constantFrom('get', 'set', 'delete'),
  key: fc.integer({ min: 0, max: 8 }),
});

property(
  'behaves like a list ordered by use',
  fc.record({ capacity: fc.integer({ min: 1, max: 5 }), steps: fc.array(step, { maxLength: 60 }) }),
  ({ capacity, steps }) => {
    const cache = new BoundedCache<number, number>(capacity);
    let model: { key: number; value: number }[] = [];
    for (const [value, { kind, key }] of steps.entries()) {
      const known = model.find((entry) => entry.key === key);
      const others = model.filter((entry) => entry.key !== key);
      if (kind === 'get') {
        expect(cache.get(key)).toBe(known?.value);
        if (known !== undefined) model = [...others, known];
      } else if (kind === 'set') {
        cache.set(key, value);
        model = [...others, { key, value }].slice(-capacity);
      } else {
        cache.delete(key);
        model = others;
      }
      expect(cache.size).toBe(model.length);
    }
  },
);
