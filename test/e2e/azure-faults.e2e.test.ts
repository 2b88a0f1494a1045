// The Azure cell under faults.
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { faultSuite } from './faults.suite.ts';

jest.setTimeout(90_000);

faultSuite('Azure', () => openAzureCell());
