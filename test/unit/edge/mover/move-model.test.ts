// Every order of a few events, crashes and delays: no acknowledged event is missing once a move is verified, and each rule is needed.
import { STEPS } from '../../../../core/edge/ports/mover.ts';
import { type Action, ORDER, search } from '../../../support/move-model.ts';

/** Which step of a move has come when the mover has done this. */
const STEP_OF: Readonly<Record<Action, (typeof STEPS)[number]>> = {
  seed: 'following',
  switch: 'switched',
  fence: 'fenced',
  drain: 'drained',
  verify: 'verified',
};

test('in the order of the steps nothing is missing', () => {
  expect(ORDER.map((action) => STEPS.indexOf(STEP_OF[action]))).toEqual([2, 3, 4, 5, 6]);
  const { states, way } = search({ order: ORDER });
  expect(way).toBeUndefined();
  // A search that is cut short would find nothing, either.
  expect(states).toBeGreaterThan(500);
});

test.each<[string, Action[]]>([
  ['no drain', ['seed', 'switch', 'fence', 'verify']],
  ['no fence', ['seed', 'switch', 'drain', 'verify']],
  ['no comparison behind it', ['seed', 'switch', 'fence', 'drain']],
  ['a comparison before the fence', ['seed', 'switch', 'verify', 'fence', 'drain']],
  ['a comparison before the drain', ['seed', 'switch', 'fence', 'verify', 'drain']],
  ['a drain before the fence', ['seed', 'switch', 'drain', 'fence', 'verify']],
])('with %s, an acknowledged event is missing', (_what, order) => {
  const { way = [] } = search({ order });
  expect(way.at(-1)).toBeDefined();
  expect(way).toContain('stored at the source');
});

test.each(['waiting', 'a second fence'] as const)(
  'without %s, a failover of the target leaves an acknowledged event at the source',
  (without) => {
    const { way = [] } = search({ order: ORDER, without });
    expect(way).toContain('the target is failed over');
    expect(way).toContain('stored at the source');
  },
);
