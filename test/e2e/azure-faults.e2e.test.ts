// The Azure cell under faults.
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { faultSuite } from './faults.suite.ts';

jest.setTimeout(LONG_TEST_MS);

faultSuite('Azure', () => openAzureCell());
