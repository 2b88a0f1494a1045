// What the registry's answer about known vulnerabilities comes to, with and without one.
import { judge } from '../../../build/audit.mjs';

const finding = (name: string, severity: string) => ({ [name]: { name, severity, range: '<1.2.3' } });

test('no findings pass', () => {
  expect(judge(JSON.stringify({ vulnerabilities: {} }), true)).toEqual({ code: 0, lines: [] });
});

test('severe findings fail, and milder ones are named', () => {
  const mild = { vulnerabilities: finding('left', 'moderate') };
  expect(judge(JSON.stringify(mild), true)).toEqual({ code: 0, lines: ['moderate: left <1.2.3'] });
  for (const severity of ['high', 'critical']) {
    const vulnerabilities = { ...finding('left', 'low'), ...finding('right', severity) };
    expect(judge(JSON.stringify({ vulnerabilities }), false).code).toBe(1);
  }
});

test.each([
  ['', 'not run: npm audit: the registry gave no answer'],
  ['<html>', 'not run: npm audit: the registry gave no answer'],
  ['{"message":"405 Method Not Allowed\\nx","error":{}}', 'not run: npm audit: 405 Method Not Allowed'],
  ['{}', 'not run: npm audit: the registry gave no findings'],
  ['null', 'not run: npm audit: the registry gave no findings'],
])('without findings (%j) it is not run, and a release fails', (text, line) => {
  expect(judge(text, false)).toEqual({ code: 0, lines: [line] });
  expect(judge(text, true)).toEqual({ code: 1, lines: [line] });
});
