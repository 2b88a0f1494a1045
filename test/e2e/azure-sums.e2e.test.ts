// The Azure cell with many events.
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { PATIENT } from '../support/impatient.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { sumsSuite } from './sums.suite.ts';

jest.setTimeout(LONG_TEST_MS);

sumsSuite('Azure', (notices) => openAzureCell(notices, PATIENT));
