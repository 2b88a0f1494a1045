// What an isolate counts of the requests that it sends to cells, and when it reports it.

import { TRAFFIC_LIMITS, type TrafficReport } from '../../../../core/edge/ports/traffic.ts';
import type { Destination, Forwarded, Forwarding } from '../../../../core/edge/router/forward.ts';
import { trafficCounter } from '../../../../core/edge/router/traffic-counter.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RecordingLog } from '../../../support/recording-log.ts';

function counter(send?: (report: TrafficReport) => Promise<void>) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const reports: TrafficReport[] = [];
  const traffic = trafficCounter({ send: send ?? (async (report) => void reports.push(report)), clock, log });
  const forward = (outcome: Forwarded, cell = 'a', method = 'POST', target = '/v1/events') =>
    traffic.counting(async () => {
      clock.jump(10);
      return outcome;
    })({ method, target } as Forwarding, { cell } as Destination);
  return { clock, log, reports, traffic, forward };
}

const answered = (status: number): Forwarded => ({ status: 'answered', response: new Response('', { status }) });

test('it counts what a cell has answered or not, and nothing that the cell was not asked or not to blame for', async () => {
  const { clock, reports, traffic, forward } = counter();
  expect(traffic.afterwards()).toBe(undefined);
  await forward(answered(202));
  await forward(answered(503), 'a', 'GET', '/v1/devices');
  await forward({ status: 'unreachable', reason: 'closed' }, 'b');
  for (const status of ['overloaded', 'abandoned', 'refused'] as const) await forward({ status });
  const work = traffic.afterwards();
  expect(traffic.afterwards()).toBe(undefined);
  await clock.advance(TRAFFIC_LIMITS.collectMs);
  await work;
  expect(reports).toEqual([
    {
      a: { requests: 2, ingests: 1, failures: 1, tookMs: 20, ingestTimes: { 117: 1 } },
      b: { requests: 1, ingests: 1, failures: 1, tookMs: 10, ingestTimes: { 117: 1 } },
    },
  ]);
  expect(traffic.afterwards()).toBe(undefined);
});

test('cells beyond the limit are not counted, and a report that fails is logged and lost', async () => {
  const sent: TrafficReport[] = [];
  const { clock, log, traffic, forward } = counter(async (report) => {
    sent.push(report);
    throw new Error('The monitor is away.');
  });
  for (let cell = 0; cell <= TRAFFIC_LIMITS.cells; cell += 1) await forward(answered(200), `cell-${cell}`);
  const work = traffic.afterwards();
  await clock.advance(TRAFFIC_LIMITS.collectMs);
  await work;
  expect(Object.keys(sent[0] ?? {})).toHaveLength(TRAFFIC_LIMITS.cells);
  expect(log.messages('warn')).toEqual(['the monitor does not take a report of traffic']);
});
