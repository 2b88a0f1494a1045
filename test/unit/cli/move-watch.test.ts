// When a move that is watched is over: where nothing is left to wait for.
import { UserError } from '../../../cli/command.ts';
import type { Control } from '../../../cli/edge/edge-client.ts';
import { watchMove } from '../../../cli/move-watch.ts';
import type { MoveView } from '../../../core/edge/ports/mover.ts';

const MOVE: MoveView = {
  ...{ tenant: 'acme', from: 'a', to: 'b', formerStandby: 'b', state: 'drained', actor: 'ops', reason: 'a test' },
  ...{ startedAt: 0, since: 0, paused: false, pauseBefore: null, rate: null, reversed: false, total: 1, there: 1 },
  ...{ notBefore: 0, problem: null, remainingMs: null },
};

/** What is said of a move that is at these steps, one look after the other; further looks fail. */
async function watched(...looks: readonly (Partial<MoveView> | UserError)[]) {
  const left = [...looks];
  const lines: string[] = [];
  const control = (async (): Promise<unknown> => {
    const next = left.shift();
    if (next === undefined) throw new Error('It is over.');
    if (next instanceof UserError) throw next;
    return { ...MOVE, ...next };
  }) as Control;
  const said: string[] = [];
  const context = {
    control,
    json: true,
    out: (line: string) => void lines.push(line),
    err: (line: string) => void said.push(line),
  };
  const code = await watchMove(context, 'acme');
  expect(left).toEqual([]);
  return { code, said, states: lines.map((line) => (JSON.parse(line) as MoveView).state) };
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

test('an edge that does not answer a look, as it is being deployed, does not end the watch', async () => {
  const looks = [{}, new UserError('The edge does not answer.'), { state: 'sealed' as const }];
  expect(await watched(...looks)).toEqual({
    code: 0,
    said: ['How far it is is not known: The edge does not answer.'],
    states: ['drained', 'sealed'],
  });
});
