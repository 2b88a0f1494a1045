// The stack's happenings as lines: a flood of the same becomes one line and a count.
import { noticePrinter, unless } from '../../../cli/notices.ts';

test('the same of the same cell is said once in five seconds, then with how often it has happened', () => {
  let now = Date.UTC(2026, 10, 21, 7, 41, 3);
  const lines: string[] = [];
  const print = noticePrinter(
    (line) => lines.push(line),
    () => now,
  );
  const lost = (cell: string, tenant: string) =>
    print({ level: 'warn', part: 'edge', message: 'a cell did not serve', fields: { cell, tenant, why: undefined } });
  for (let index = 0; index < 100; index += 1) lost('aws-alpha', `tenant-${index}`);
  lost('azure-beta', 'globex');
  print({ level: 'info', part: 'aws-alpha', message: 'is there again' });
  now += 5000;
  lost('aws-alpha', 'acme');
  now += 5000;
  lost('aws-alpha', 'acme');
  expect(lines).toEqual([
    '07:41:03 WARN edge a cell did not serve cell=aws-alpha tenant=tenant-0',
    '07:41:03 WARN edge a cell did not serve cell=azure-beta tenant=globex',
    '07:41:03 aws-alpha is there again',
    '07:41:08 WARN edge a cell did not serve cell=aws-alpha tenant=acme (and 99 more like it before)',
    '07:41:13 WARN edge a cell did not serve cell=aws-alpha tenant=acme',
  ]);
});

test('however many different things happen, few are remembered', () => {
  const lines: string[] = [];
  const print = noticePrinter(
    (line) => lines.push(line),
    () => 0,
  );
  const say = (index: number) => print({ level: 'info', part: 'edge', message: `thing ${index}` });
  for (let index = 0; index < 201; index += 1) say(index);
  say(0);
  say(200);
  expect(lines).toHaveLength(202);
});

test('lines that are there to be measured are not printed', () => {
  const lines: string[] = [];
  const print = noticePrinter(
    (line) => lines.push(line),
    () => 0,
  );
  print({ level: 'info', part: 'aws-alpha worker', message: 'how long events took', fields: { p99Ms: 400 } });
  expect(lines).toEqual([]);
});

test('a stack trace is shown below its line, the innermost frames alone', () => {
  const lines: string[] = [];
  const print = noticePrinter(
    (line) => lines.push(line),
    () => 0,
  );
  const frames = ['a', 'b', 'c', 'd', 'e'].map((name, index) => `    at ${name} (/app/core/domains/x.ts:${index}:1)`);
  const stack = ['Error: no', 'such thing', ...frames].join('\n');
  print({ level: 'error', part: 'aws-alpha relay', message: 'parked an event', fields: { code: 'Error', stack } });
  expect(lines).toEqual([
    [
      '00:00:00 ERROR aws-alpha relay parked an event code=Error',
      '  at a (/app/core/domains/x.ts:0:1)',
      '  at b (/app/core/domains/x.ts:1:1)',
      '  at c (/app/core/domains/x.ts:2:1)',
      '  at d (/app/core/domains/x.ts:3:1)',
    ].join('\n'),
  ]);
});

test('nothing is said while the stack stops: parts that miss each other then are the stop itself', () => {
  let stopping = false;
  const said: string[] = [];
  const print = unless(
    () => stopping,
    ({ message }) => said.push(message),
  );
  print({ level: 'warn', part: 'edge', message: 'a cell did not serve' });
  stopping = true;
  print({ level: 'error', part: 'edge', message: 'Most cells do not answer' });
  expect(said).toEqual(['a cell did not serve']);
});
