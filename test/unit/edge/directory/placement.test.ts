// The choice of a home and of a standby: what comes before what, and why none can be chosen.

import { chooseHome, chooseStandby, type Load, REASONS_LISTED } from '../../../../core/edge/directory/placement.ts';
import type { Cell } from '../../../../core/edge/ports/directory-model.ts';

const cell = (id: string, more: Partial<Cell> = {}): Cell => ({
  id,
  cloud: 'aws',
  region: `region-of-${id}`,
  jurisdiction: 'eu',
  endpoint: `https://${id}.example.com`,
  capacity: 10,
  price: 1,
  failover: 'automatic',
  state: 'active',
  switches: 0,
  revision: 1,
  ...more,
});

const candidates = (cells: readonly Cell[], loads: Readonly<Record<string, Partial<Load>>> = {}) => ({
  cells,
  loadOf: (id: string): Load => ({ homes: 0, standbys: 0, ...loads[id] }),
});

const homeOf = (...args: Parameters<typeof candidates>) => {
  const choice = chooseHome(candidates(...args), { residency: 'eu' });
  return choice.status === 'chosen' ? choice.cell.id : choice.detail;
};

const HOME = cell('home');
const standbyOf = (...args: Parameters<typeof candidates>) => {
  const choice = chooseStandby(candidates(...args), { residency: 'eu', home: HOME });
  return choice.status === 'chosen' ? choice.cell.id : choice.detail;
};

test('residency comes before everything: a cheap and empty cell elsewhere is nothing', () => {
  expect(
    homeOf([cell('dear', { price: 100 }), cell('us', { jurisdiction: 'us', price: 0 })], { dear: { homes: 9 } }),
  ).toBe('dear');
});

test('who may live anywhere may live in any cell', () => {
  const choice = chooseHome(candidates([cell('us', { jurisdiction: 'us' })]), { residency: 'any' });
  expect(choice).toMatchObject({ status: 'chosen', cell: { id: 'us' } });
});

test.each(['draining', 'down', 'retired'] as const)('a cell that is %s is passed by', (state) => {
  expect(homeOf([cell('a', { state, price: 0 }), cell('b')])).toBe('b');
  expect(standbyOf([cell('a', { state, cloud: 'azure' }), cell('b')])).toBe('b');
});

test('a full cell is passed by, and the last place of another is taken', () => {
  expect(homeOf([cell('a'), cell('b', { price: 2 })], { a: { homes: 10 } })).toBe('b');
  expect(homeOf([cell('a'), cell('b', { price: 2 })], { a: { homes: 9 } })).toBe('a');
  expect(homeOf([cell('none', { capacity: 0 })])).toBe('none has room for 0 tenants, all of it taken');
});

test('the price comes before the load, the part that is taken before the number, the id last', () => {
  expect(homeOf([cell('a'), cell('b', { price: 0.5 })], { b: { homes: 9 } })).toBe('b');
  expect(homeOf([cell('a'), cell('b', { capacity: 1000 })], { a: { homes: 1 }, b: { homes: 50 } })).toBe('b');
  expect(homeOf([cell('c'), cell('b'), cell('d')])).toBe('b');
});

test('a standby is rather on another cloud than cheap, and never in the failure domain of the home', () => {
  const near = cell('near', { region: HOME.region, price: 0 });
  const azure = cell('azure', { cloud: 'azure', region: HOME.region, price: 100 });
  expect(standbyOf([HOME, near, cell('aws', { price: 0 }), azure])).toBe('azure');
  expect(standbyOf([HOME, near, cell('aws')])).toBe('aws');
  expect(standbyOf([HOME, near])).toBe(
    'home cannot be both home and standby; near and home both lie in aws region-of-home and would be lost together',
  );
});

test('standbys are spread by all that they would have to carry, and a full cell may be one', () => {
  expect(standbyOf([cell('a'), cell('b')], { a: { standbys: 1 } })).toBe('b');
  expect(standbyOf([cell('a')], { a: { homes: 10 } })).toBe('a');
});

test('a refusal says why, for so many cells', () => {
  expect(homeOf([])).toBe('there are no cells');
  const cells = Array.from({ length: REASONS_LISTED + 2 }, (_, index) => cell(`c${index}`, { state: 'down' }));
  const detail = homeOf(cells);
  expect(detail.split('; ')).toHaveLength(REASONS_LISTED + 1);
  expect(detail.startsWith('c0 is down; c1 is down;')).toBe(true);
  expect(detail.endsWith('and 2 more')).toBe(true);
});
