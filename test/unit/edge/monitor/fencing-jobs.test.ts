// Fencing jobs keep the field names of earlier versions when they are stored, so that a deployment continues the jobs of the one before.

import { fromStoredJob, jobsOf, toStoredJob } from '../../../../core/edge/monitor/fencing-jobs.ts';
import type { AuditEntry } from '../../../../core/edge/ports/directory-model.ts';
import type { Json } from '../../../../core/ports/json.ts';
import { definition } from '../../../support/cloud.ts';
import { EDGE_KEY, publicPart, SECOND_KEY } from '../../../support/route-tokens.ts';

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

test.each([
  ['keys', { keys: [publicPart(EDGE_KEY)] }],
  ['endpoint', { endpoint: 'https://other.example' }],
])('other %s of a cell are made known to every tenant that has it as home or standby', (_, changed) => {
  const before = { ...definition('a'), keys: [publicPart(SECOND_KEY)], state: 'active', switches: 0, revision: 1 };
  const entry = (after: object) => ({
    ...{ revision: 7, at: '', actor: 'ops', reason: 'a test', command: { kind: 'drain-cell', cell: 'a' } },
    ...{ outcome: 'applied', changes: [{ kind: 'cell', id: 'a', before, after: { ...before, ...after } }] },
  });
  const jobs = jobsOf(entry(changed) as unknown as AuditEntry);
  expect(jobs).toMatchObject([{ key: 'serving/cell/a', of: { anywhere: 'a' }, targets: 'serving', revision: 7 }]);
  expect(jobsOf(entry({ capacity: 1 }) as unknown as AuditEntry)).toEqual([]);
});

test('another mode of a standby is made known to it, and to the cell that serves', () => {
  const before = { id: 'acme', cell: 'a', standby: 'b', epochBase: 1, revision: 1 };
  const entry = (after: object) => ({
    ...{ revision: 7, at: '', actor: 'ops', reason: 'a test', command: { kind: 'set-standby-mode' } },
    ...{ outcome: 'applied', changes: [{ kind: 'tenant', id: 'acme', before, after: { ...before, ...after } }] },
  });
  const jobs = jobsOf(entry({ standbyMode: 'log-only' }) as unknown as AuditEntry);
  expect(jobs.map(({ key }) => key)).toEqual(['serving/tenant/acme', 'tenant/acme/b']);
  expect(jobsOf(entry({ pinned: true }) as unknown as AuditEntry)).toEqual([]);
});
