// Fencing jobs keep the field names of earlier versions when they are stored, so that a deployment continues the jobs of the one before.

import { fromStoredJob, toStoredJob } from '../../../../core/edge/monitor/fencing-jobs.ts';
import type { Json } from '../../../../core/ports/json.ts';

const STORED: Json = {
  key: 'tenant/acme/aws-alpha',
  revision: 7,
  of: { tenant: 'acme' },
  whom: { cell: 'aws-alpha' },
  cursor: null,
  only: ['aws-alpha'],
  missed: [],
  told: 3,
  failures: 2,
  nextAt: 1000,
  problem: 'aws-alpha: it answers 503',
  since: 500,
  epoch: 4,
};

test('a job stored by an earlier version is read, and written back in the same form', () => {
  const job = fromStoredJob(STORED);
  expect(job).toMatchObject({ targets: { cell: 'aws-alpha' }, notified: 3, failures: 2 });
  expect(toStoredJob(job)).toEqual(STORED);
});
