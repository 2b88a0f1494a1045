// The Azure cell, whole: the real app in its host, real SDKs, emulators that speak Azure’s protocols.
import type { Notice } from '../../local/local-cell.ts';
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { PATIENT } from '../support/impatient.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { cellSuite } from './cell.suite.ts';

jest.setTimeout(LONG_TEST_MS);

cellSuite('Azure', (notices) => openAzureCell(notices, PATIENT));

test('the output omits the steps of the host and its worker', async () => {
  const notices: Notice[] = [];
  const cell = await openAzureCell(notices);
  await cell.close();
  expect(notices.filter(({ level }) => level === 'info')).toEqual([]);
});
