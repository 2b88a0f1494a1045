// What is silent together, what other cells see, and what is merely slow.

import type { Cell } from '../../../../core/edge/ports/directory-model.ts';
import { APPLIED, cell, life, pair } from '../../../support/monitor-life.ts';

/** Two cells of Azure in two regions, and one or two of AWS. */
const clouds = (...more: readonly Cell[]) =>
  life([
    cell('beta', { cloud: 'azure', region: 'westeurope' }),
    cell('gamma', { cloud: 'azure', region: 'eastus2' }),
    cell('alpha', { cloud: 'aws', region: 'eu-central-1' }),
    ...more,
  ]);

describe('failure domains and vantage points', () => {
  test('a lost cloud is failed over though most cells do not answer', () => {
    const a = clouds();
    a.round('...');
    expect([a.round('xx.'), a.round('xx.')]).toEqual([[], []]);
    expect(a.round('xx.')).toEqual(['beta', 'gamma']);
  });

  test('a cloud that another cell reaches is not lost, and the way out is named', () => {
    const a = clouds();
    for (let index = 0; index < 6; index += 1) expect(a.round('xx.', 'alpha+beta', 'alpha+gamma')).toEqual([]);
    expect(a.of('beta')?.saved.stay).toBe('contradicted');
    expect(a.notices.at(-1)).toContain('npx polycell failover start gamma');
    // The witness does not see them any more, and what it saw is old.
    for (let index = 0; index < 5; index += 1) expect(a.round('xx.')).toEqual([]);
    expect(a.round('xx.', 'alpha-beta', 'alpha-gamma')).toEqual(['beta', 'gamma']);
  });

  test('a lost region is failed over whatever others see: who comes through the edge does not reach it', () => {
    const a = clouds();
    expect([a.round('x..', 'alpha+beta'), a.round('x..', 'alpha+beta'), a.round('x..', 'alpha+beta')]).toEqual([
      [],
      [],
      ['beta'],
    ]);
  });

  const delta = cell('delta', { cloud: 'aws', region: 'us-east-1' });

  test('cells of both clouds: lost only if a cell with a way out confirms it', () => {
    const a = clouds(delta);
    // alpha has reached another cell before.
    a.round('....', 'alpha+delta');
    for (let index = 0; index < 5; index += 1) expect(a.round('xx.x')).toEqual([]);
    expect(a.round('xx.x', 'alpha-beta', 'alpha-gamma')).toEqual(['beta', 'gamma']);
    a.settle('beta', APPLIED);
    a.settle('gamma', APPLIED);
    // What is left is one domain.
    expect(a.round('xx.x')).toEqual(['delta']);
  });

  test('a witness without a way out confirms nothing', () => {
    const a = clouds(delta);
    a.round('....');
    for (let index = 0; index < 6; index += 1)
      expect(a.round('xx.x', 'alpha-beta', 'alpha-gamma', 'alpha-delta')).toEqual([]);
    expect(a.of('beta')?.saved.stay).toBe('held');
  });
});

describe('slow is not dead', () => {
  test('a late answer is a sign of life', () => {
    const a = pair();
    a.rounds2('.xx');
    // The probe of the second round is answered after two seconds.
    expect(a.late('a', 2000)).toEqual([]);
    expect(a.rounds2('xxx')).toEqual([]);
    expect(a.rounds2('x')).toEqual(['a']);
  });

  test('a cell that has been slow is waited for longer, within a bound', () => {
    const a = pair();
    a.rounds2('.');
    for (let index = 0; index < 20; index += 1) {
      a.rounds2('x');
      a.pause(index % 2 === 0 ? 2000 : 0);
      a.late('a', index % 2 === 0 ? 3000 : 1000);
    }
    // Patience has grown; without it the third failure would have been enough.
    expect(a.rounds2('xxx')).toEqual([]);
    expect(a.rounds2('xxxxxxxx')).toContain('a');
  });
});
