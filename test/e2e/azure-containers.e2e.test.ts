// The cell on Azure, served by container processes in place of functions: the same suite, and replicas that come and go.
import { LONG_TEST_MS } from '../support/patience.ts';
import { containerSuite } from './containers.suite.ts';

jest.setTimeout(LONG_TEST_MS);

containerSuite('azure', true);
