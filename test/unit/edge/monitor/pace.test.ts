// How fast events move: what is late, what waits, and which of the two is the time to the state or the lag.
import { REPLICATE } from '../../../../core/cell/topology.ts';
import { type PaceOf, paceOf } from '../../../../core/edge/monitor/pace.ts';
import { START } from '../../../support/fake-clock.ts';

const NOTHING: PaceOf = { now: START, delays: [], backlogs: [], replication: null };

const took = (kind: 'publish' | 'state' | 'copy', name: string, p99Ms: number) => ({
  ...{ kind, name, p99Ms },
  ...{ events: 1, p50Ms: p99Ms, mostMs: p99Ms },
});

test('of what nothing is known, nothing is said', () => {
  const none = { relayMs: null, stateMs: null, backlogMs: null, lagMs: null, rpoMs: null };
  expect(paceOf(NOTHING)).toEqual(none);
  expect(paceOf({ ...NOTHING, backlogs: [{ consumer: 'sums', backlogMs: null }] })).toEqual(none);
});

test('the slowest counts, of consumers and of other cells', () => {
  const delays = [
    took('publish', 'relay', 40),
    took('state', 'sums', 300),
    took('state', 'alerts', 500),
    took('copy', 'b', 900),
  ];
  expect(paceOf({ ...NOTHING, delays })).toMatchObject({ relayMs: 40, stateMs: 500, lagMs: 900 });
});

test('a consumer that does nothing at all counts as late, though it finishes no event', () => {
  const backlogs = [{ consumer: 'sums', backlogMs: 70_000 }];
  expect(paceOf({ ...NOTHING, backlogs })).toMatchObject({ stateMs: 70_000, backlogMs: 70_000 });
  expect(paceOf({ ...NOTHING, backlogs, delays: [took('state', 'alerts', 90_000)] })).toMatchObject({
    stateMs: 90_000,
  });
});

test('copies that wait, as while a standby is away, delay no state', () => {
  const backlogs = [{ consumer: REPLICATE, backlogMs: 600_000 }];
  const delays = [took('state', 'sums', 300)];
  expect(paceOf({ ...NOTHING, backlogs, delays })).toMatchObject({ stateMs: 300, backlogMs: 600_000 });
});
