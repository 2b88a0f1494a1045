// A look at what goes on at the edge: unanswered ones are tolerated up to a limit, refusals are not.
import { RefusedError, UserError } from '../../../cli/command.ts';
import { patientLook } from '../../../cli/patient-look.ts';

const MOST = 3;

function looking(answers: readonly (string | Error)[]) {
  const said: string[] = [];
  let at = 0;
  const look = patientLook(
    async () => {
      const answer = answers[at++];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    MOST,
    (message) => void said.push(message),
  );
  return { look, said };
}

const away = new UserError('The edge does not answer.');

test('so many looks in a row may stay unanswered, which is said once; an answer begins the count anew', async () => {
  const { look, said } = looking([away, away, away, 'seen', away, away, away, away]);
  for (const expected of [undefined, undefined, undefined, 'seen', undefined, undefined, undefined])
    expect(await look()).toBe(expected);
  await expect(look()).rejects.toBe(away);
  expect(said).toEqual([away.message, away.message]);
});

test.each([
  new RefusedError('There is no such move (unknown_move).', 'unknown_move'),
  new TypeError('a fault of ours'),
])('%s is no look without an answer', async (error) => {
  const { look, said } = looking([error]);
  await expect(look()).rejects.toBe(error);
  expect(said).toEqual([]);
});
