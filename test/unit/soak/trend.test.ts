// The trend of a soak: what rises has a slope, what stays has none.
import { trendOf } from '../../soak/trend.ts';

const every = 5000;

test('a line has its slope by the hour, its median and its p99', () => {
  const samples = Array.from({ length: 101 }, (_, index) => ({ at: index * every, value: 100 + index }));
  expect(trendOf(samples)).toEqual({ samples: 101, median: 150, p99: 199, perHour: 720 });
});

test('what stays has no slope, and one outlier in the middle makes none', () => {
  const flat = Array.from({ length: 11 }, (_, index) => ({ at: index * every, value: index === 5 ? 900 : 7 }));
  expect(trendOf(flat).perHour).toBe(0);
});

test('a single sample has none', () => {
  expect(trendOf([{ at: 0, value: 1 }]).perHour).toBeNaN();
});
