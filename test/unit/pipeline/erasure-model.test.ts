// Every order of an event, its copies, crashes and delays in two cells: it is nowhere after the certificate, and each rule is needed.
import { RULES, search } from '../../support/erasure-model.ts';

test('with all rules, no event is there after its certificate', () => {
  const { states, way } = search();
  expect(way).toBeUndefined();
  // A search that is cut short would find nothing, either.
  expect(states).toBeGreaterThan(10_000);
});

test.each(RULES)('without %s, an event is there after its certificate', (rule) => {
  const { way = [] } = search(rule);
  expect(way).toContain('the certificate');
});
