// The AWS cell, whole: real bundles in their hosts, real SDKs, emulators that speak AWS's protocols.
import { openAwsCell } from '../support/aws-cell-harness.ts';
import { PATIENT } from '../support/impatient.ts';
import { LONG_TEST_MS } from '../support/patience.ts';
import { cellSuite } from './cell.suite.ts';

jest.setTimeout(LONG_TEST_MS);

cellSuite('AWS', (notices) => openAwsCell(notices, PATIENT));
