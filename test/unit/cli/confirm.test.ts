// Changes say where they go, and those of a protected edge are confirmed by name or by what was previewed.
import { PassThrough } from 'node:stream';
import { confirm, typed } from '../../../cli/edge/confirm.ts';

const connection = (isProtected: boolean) => ({
  where: 'profile prod, https://edge.example',
  isProtected,
  control: () => Promise.reject(new Error()),
  target: () => Promise.reject(new Error()),
});

function asked(isProtected: boolean, options: Record<string, boolean>, missing?: string, answer?: string) {
  const lines: string[] = [];
  const questions: string[] = [];
  const done = confirm(
    connection(isProtected),
    { options, err: (line) => lines.push(line) },
    { name: 'cell-1', missing, preview: async () => void lines.push('the preview') },
    answer === undefined
      ? undefined
      : async (question) => {
          questions.push(question);
          return answer;
        },
  );
  return { done, lines, questions };
}

const GOING = 'Going to profile prod, https://edge.example';

test('an edge that is not protected is named, and nothing is asked', async () => {
  const { done, lines, questions } = asked(false, {}, '--if-revision N', 'no');
  await done;
  expect([lines, questions]).toEqual([[GOING], []]);
});

test('a change that could go nowhere else does not say where it goes', async () => {
  const lines: string[] = [];
  const only = { ...connection(false), isOnly: true };
  await confirm(only, { options: {}, err: (line) => lines.push(line) }, { name: 'cell-1', missing: undefined });
  expect(lines).toEqual([]);
});

test('at a terminal the effect is shown, then the name is to be typed', async () => {
  const { done, lines, questions } = asked(true, {}, '--if-revision N', 'cell-1');
  await done;
  expect([lines, questions]).toEqual([[GOING, 'the preview'], ['This edge is protected. Type cell-1 to go on: ']]);
});

test.each(['', 'y', 'cell-2', 'CELL-1'])('%j is not the name', async (answer) => {
  await expect(asked(true, {}, undefined, answer).done).rejects.toThrow('Nothing was changed: the name was not typed.');
});

test.each([
  ['a name', ' cell-1 \r', 'cell-1'],
  ['Ctrl-C', 'cell-1\u0003', ''],
  ['Ctrl-D', '\u0004', ''],
])('at a terminal %s is an answer', async (_name, keys, answer) => {
  const input = new PassThrough();
  const answered = typed('Type cell-1: ', input, new PassThrough());
  input.write(keys);
  expect(await answered).toBe(answer);
});

test('--yes takes the place of the name, together with what was previewed', async () => {
  const { done, questions } = asked(true, { yes: true }, undefined, 'no');
  await done;
  expect(questions).toEqual([]);
  await expect(asked(true, { yes: true }, '--if-revision N', 'cell-1').done).rejects.toThrow(
    'This edge is protected: with --yes, give --if-revision N.',
  );
});

test('without a terminal a protected edge is not changed', async () => {
  await expect(asked(true, {}, '--if-revision N').done).rejects.toThrow(
    'This edge is protected: type cell-1 at a terminal, or give --yes and --if-revision N.',
  );
});
