// When a move that is watched is over: where nothing is left to wait for.
import type { Control } from '../../../cli/edge/edge-client.ts';
import { watchMove } from '../../../cli/move-watch.ts';
import type { MoveView } from '../../../core/edge/ports/mover.ts';

const MOVE: MoveView = {
  ...{ tenant: 'acme', from: 'a', to: 'b', formerStandby: 'b', state: 'drained', actor: 'ops', reason: 'a test' },
  ...{ startedAt: 0, since: 0, paused: false, pauseBefore: null, rate: null, reversed: false, total: 1, there: 1 },
  ...{ notBefore: 0, problem: null, remainingMs: null },
};

/** What is said of a move that is at these steps, one look after the other; further looks fail. */
async function watched(...looks: readonly Partial<MoveView>[]) {
  const left = [...looks];
  const lines: string[] = [];
  const control = (async (): Promise<unknown> => {
    const next = left.shift();
    if (next === undefined) throw new Error('It is over.');
    return { ...MOVE, ...next };
  }) as Control;
  const code = await watchMove({ control, json: true, out: (line) => lines.push(line) }, 'acme');
  expect(left).toEqual([]);
  return { code, states: lines.map((line) => (JSON.parse(line) as MoveView).state) };
}

test.each([
  ['is verified', [{}, { state: 'verified' }], 0],
  ['rests', [{ paused: true }], 0],
  ['is sealed', [{ state: 'sealed' }], 0],
  ['is aborted, which is a failure', [{ state: 'aborted' }], 1],
  [
    'has left its source, if it is to: verified is not the end then',
    [{ state: 'verified', leave: true }, { state: 'sealed' }],
    0,
  ],
] as const)('a move is watched until it %s', async (_, looks, code) => {
  expect(await watched(...looks)).toMatchObject({ code });
});
