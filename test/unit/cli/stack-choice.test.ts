// With several stacks of one checkout, a command says which one it uses and how to choose another.
import { choiceOf } from '../../../cli/stack-client.ts';

const stack = (id: number, urls: readonly string[] = [`http://127.0.0.1:${id}`]) => ({
  id: String(id),
  pid: id,
  startedAt: id,
  control: `http://127.0.0.1:${1000 + id}`,
  urls,
});

test('the newest one is used, the others are named', () => {
  expect(choiceOf(stack(3), [stack(2), stack(1, [])])).toBe(
    '3 stacks are running; using the newest, http://127.0.0.1:3. For another one: --stack http://127.0.0.1:2, --stack http://127.0.0.1:1001.',
  );
});

test('of many others five are named', () => {
  const line = choiceOf(
    stack(9),
    [8, 7, 6, 5, 4, 3].map((id) => stack(id)),
  );
  expect(line.match(/--stack/g)).toHaveLength(5);
  expect(line).toMatch(/^7 stacks are running; .*:4, …\.$/);
});
