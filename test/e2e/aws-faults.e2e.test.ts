// The AWS cell under faults.
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { faultSuite } from './faults.suite.ts';

jest.setTimeout(LONG_TEST_MS);

faultSuite('AWS', () => openAwsCell());
