// The AWS cell with many events.
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { PATIENT } from '../support/impatient.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { sumsSuite } from './sums.suite.ts';

jest.setTimeout(LONG_TEST_MS);

sumsSuite('AWS', (notices) => openAwsCell(notices, PATIENT));
