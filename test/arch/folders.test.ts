// Folders that mirror each other, and adapters that keep their contracts.
import { adaptersWithoutContract, unevenFunctions } from './support/folders.ts';
import { fixtureRoot, marked, PROJECT, places, report, sourcesBelow } from './support/sources.ts';

const sources = sourcesBelow(PROJECT);

test('every functions folder has the same files, and small entry points', () => {
  expect(report(unevenFunctions(sources))).toEqual([]);
});

test('a file that only one cloud has, and an entry point that does too much, are refused', () => {
  expect(places(unevenFunctions(sourcesBelow(fixtureRoot('functions'))))).toEqual([
    'functions-aws/worker.ts:41',
    'functions-azure/relay.ts:1',
    'functions-edge/config.ts:1',
  ]);
});

test('every adapter runs the contract of every port that it implements', () => {
  expect(report(adaptersWithoutContract(sources))).toEqual([]);
});

test('an adapter without its contract, and a port without a suite, are refused', () => {
  const fixtures = sourcesBelow(fixtureRoot('contracts'));
  const violations = adaptersWithoutContract(fixtures);
  expect(places(violations)).toEqual(marked(fixtures));
  expect(report(violations).join('\n')).toContain('No test runs busContract (test/contract/bus.contract.ts)');
});
