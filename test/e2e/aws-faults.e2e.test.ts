// The AWS cell under faults.
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { faultSuite } from './faults.suite.ts';

jest.setTimeout(90_000);

faultSuite('AWS', () => openAwsCell());
