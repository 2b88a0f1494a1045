// The Azure cell under faults.
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { faultSuite } from './faults.suite.ts';

jest.setTimeout(LONG_TEST_MS);

/** All functions of the app share a process, which ends with the one that takes too long: a busy machine must not look like that. */
faultSuite('Azure', () => openAzureCell([], { timeoutSeconds: 8 }));
