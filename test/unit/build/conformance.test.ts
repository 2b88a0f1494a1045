// What `npm run conformance` makes of Jest's results, which servers it refuses to try, and how it reports.
import { reportText } from '../../conformance/findings.ts';
import { main } from '../../conformance/main.ts';
import { findingsOf, serversFault } from '../../conformance/services.ts';

const clause = (title: string, status: string, failureMessages: readonly string[] = []) => ({
  ancestorTitles: ['store contract: DynamoDB (properties from seed 20260131)'],
  ...{ title, status, failureMessages },
});

const FINDINGS = findingsOf('DynamoDB at http://127.0.0.1:8000', {
  testResults: [
    {
      message: '',
      assertionResults: [
        clause('it keeps what was stored', 'passed'),
        clause('exempt: some fail alone (the service takes all or none)', 'passed'),
        clause('what fails is repeated', 'pending'),
        clause('a query is exact', 'failed', ['\u001b[31mexpected 2\u001b[39m\n  at a line']),
      ],
    },
    { message: 'There is no table.', assertionResults: [] },
  ],
});

test('each clause is a finding, a suite that does not begin is a broken promise, and the sum is at the end', () => {
  expect(FINDINGS.map(({ promise, outcome, detail }) => [promise, outcome, detail])).toEqual([
    ['store contract: DynamoDB: it keeps what was stored', 'held', ''],
    ['store contract: DynamoDB: some fail alone', 'exempt', 'the service takes all or none'],
    ['store contract: DynamoDB: what fails is repeated', 'not run', 'this server cannot be made to fail so'],
    ['store contract: DynamoDB: a query is exact', 'broken', 'expected 2\n  at a line'],
    ['the suite can be set up', 'broken', 'There is no table.'],
  ]);
  expect(reportText(FINDINGS)).toBe(
    [
      'DynamoDB at http://127.0.0.1:8000',
      '  + store contract: DynamoDB: it keeps what was stored',
      '  ~ store contract: DynamoDB: some fail alone (exempt: the service takes all or none)',
      '  - store contract: DynamoDB: what fails is repeated (not run: this server cannot be made to fail so)',
      '  ! store contract: DynamoDB: a query is exact',
      '      expected 2',
      '        at a line',
      '  ! the suite can be set up',
      '      There is no table.',
      '',
      '1 held, 1 exempt, 2 broken, 1 not run',
    ].join('\n'),
  );
});

test('servers that the suites cannot be run against are refused with the reason', () => {
  expect(serversFault({})).toBeUndefined();
  expect(serversFault({ sns: 'http://one', sqs: 'http://other' })).toContain('must be the same server');
  expect(serversFault({ dynamodb: 'https://dynamodb.example' })).toContain('https://dynamodb.example is HTTPS');
  expect(serversFault({ blob: 'http://127.0.0.1:10000/devstoreaccount1' })).toBeUndefined();
  expect(serversFault({ blob: 'http://127.0.0.1:10000' })).toContain('BLOB_ENDPOINT must be an address such as');
  expect(serversFault({ serviceBus: 'Endpoint=sb://127.0.0.1:5672;UseDevelopmentEmulator=true;' })).toBeUndefined();
  expect(serversFault({ serviceBus: 'Endpoint=sb://acme.servicebus.windows.net' })).toContain(
    'SERVICE_BUS_CONNECTION must name an emulator on this machine',
  );
});

test.each([
  [[], 'There is nothing to try'],
  [['--profile', 'prod'], 'are for --cell NAME'],
  [['--sell', 'a'], "Unknown option '--sell'"],
])('wrong arguments end with 2: %j', async (args, said) => {
  const written = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(await main(args)).toBe(2);
  expect(String(written.mock.calls[0]?.[0])).toContain(said);
  written.mockRestore();
});
