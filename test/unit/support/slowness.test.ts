// What a healthy cell may warn of on a slow machine, and what it may not warn of on any.

import { ChangeFeedRetry } from '../../../adapters/azure/cosmos-change-feed.ts';
import { BatchRetry } from '../../../adapters/azure/service-bus-consumer.ts';
import type { Notice } from '../../../local/local-cell.ts';
import { faultsAmong } from '../../support/slowness.ts';

const warning = (fields: Notice['fields'], level: Notice['level'] = 'warn'): Notice => ({
  level,
  part: 'cell',
  message: 'any words',
  ...(fields !== undefined && { fields }),
});

test('slowness, by its mark or by the error of a batch that comes again', () => {
  const slow = [{ timedOut: true }, { error: new BatchRetry('').name }, { error: new ChangeFeedRetry('').name }];
  const ended = [{ error: 'MessageLockLost' }, { error: 'HostStopping' }];
  expect(faultsAmong([...slow, ...ended].map((fields) => warning(fields)))).toEqual([]);
});

test('everything else is a fault, but for what is no warning', () => {
  const faults = [
    warning(undefined),
    warning({ code: 'denied' }),
    warning({ code: 'unavailable', timedOut: false }),
    warning({ error: 'TypeError' }),
    warning({ error: 'WorkerProcessExitException' }),
    warning({ code: 'crashed' }, 'error'),
  ];
  expect(faultsAmong([...faults, warning({}, 'info')])).toEqual(faults);
});
