// The order in which test files are begun: whatever their numbers, each is begun once.
import { mixed } from '../../../build/test-order.cjs';

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

test('of any two numbers of files none is lost, none comes twice, and both keep their order', () => {
  for (let first = 0; first <= 60; first += 1)
    for (let second = 0; second <= 60; second += 1) {
      const [waiting, working] = [numbered('w', first), numbered('u', second)];
      const all = mixed(waiting, working);
      expect(all.filter((each) => each.startsWith('w'))).toEqual(waiting);
      expect(all.filter((each) => each.startsWith('u'))).toEqual(working);
    }
});

test('the second ones lie evenly between the first ones', () => {
  expect(mixed(['w0', 'w1'], ['u0', 'u1', 'u2', 'u3'])).toEqual(['w0', 'u0', 'u1', 'w1', 'u2', 'u3']);
});
