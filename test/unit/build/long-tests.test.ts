// What `npm test` leaves to `npm run test:long`: every rule names tests that there are, and each test belongs to one of the two.
import longTests from '../../../build/long-tests.cjs';
import shortTests from '../../../build/short-tests.cjs';
import { filesBelow, PROJECT } from '../../arch/support/sources.ts';

const tests = filesBelow(PROJECT).filter((file) => file.endsWith('.test.ts'));

test('each rule for long tests names some', () => {
  for (const rule of longTests.RULES) {
    const named = tests.filter((file) => new RegExp(rule).test(`/${file}`));
    expect([rule, named.length > 0]).toEqual([rule, true]);
  }
});

test('a test is short or long, on every platform', async () => {
  const paths = tests.map((file) => `/${file}`);
  const long = (await longTests(paths)).filtered;
  const short = (await shortTests(paths)).filtered;
  expect([...long, ...short].sort()).toEqual([...paths].sort());
  expect(long).toContain('/test/e2e/aws-faults.e2e.test.ts');
  expect(short).toContain('/test/e2e/aws-cell.e2e.test.ts');
  expect((await shortTests(['C:\\polycell\\test\\e2e\\parity.e2e.test.ts'])).filtered).toEqual([]);
});
