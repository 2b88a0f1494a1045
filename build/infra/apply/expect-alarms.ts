// Which alarms a cell must have, with the filters that make their metrics, and the dashboard.
import { DEAD_LETTER_SUFFIX, LANE_NAMES, queueOf } from '../../../core/cell/topology.ts';
import { type Deployment, Names } from './deployment.ts';
import type { Facts, Inventory } from './inventory.ts';

/** What worker processes log, and the metrics that are made of it. */
const LINES = {
  'to-state': {
    metric: 'to-state',
    pattern: '{ $.message = "how long events took" && $.kind = "state" }',
    value: '$.p99Ms',
  },
  lag: { metric: 'lag', pattern: '{ $.message = "how long events took" && $.kind = "copy" }', value: '$.p99Ms' },
  away: { metric: 'lag', pattern: '{ $.failingMs >= 0 }', value: '$.failingMs' },
  rpo: { metric: 'rpo', pattern: '{ $.failingMs >= 0 }', value: '$.failingMs' },
} as const;

export function expectedAlarms(deployment: Deployment): Inventory {
  const { cell, topology, objectives } = deployment;
  const names = new Names(deployment);
  const own = `Polycell/${cell.id}`;
  const things: Record<string, Facts> = {};
  const consumers = topology.consumers.map(({ name }) => name);
  const alarm = (name: string, metric: string, of: readonly string[], facts: Facts): void => {
    things[`alarm ${names.of(name)}`] = {
      metric,
      of,
      comparison: 'GreaterThanOrEqualToThreshold',
      withoutData: 'notBreaching',
      says: [names.topic('alarms')],
      saysWhenOver: [names.topic('alarms')],
      ...facts,
    };
  };
  const limits = (objective: string, subject: string, scale = 1): Facts => {
    const row = objectives.consumers[subject]?.[objective] ?? objectives.alarms[objective];
    if (row === undefined) throw new Error(`infra/objectives.json has no alarm ${objective}.`);
    const { threshold, periodSeconds: period, evaluations, breaching } = row;
    return { threshold: threshold * scale, period, evaluations, breaching };
  };
  const filter = (name: string, facts: Facts): void => {
    things[`filter ${names.of(name)}`] = facts;
  };
  for (const name of ['http', 'relay', ...consumers]) {
    const of = [`FunctionName ${names.of(name)}`];
    alarm(`${name}-errors`, 'AWS/Lambda Errors', of, { statistic: 'Sum', ...limits('errors', name) });
    alarm(`${name}-throttles`, 'AWS/Lambda Throttles', of, { statistic: 'Sum', ...limits('throttles', name) });
    if (name === 'http') continue;
    const metric = `${own} Parked.${name}`;
    filter(`${name}-parked`, {
      group: names.group(name),
      pattern: '{ $.level = "error" && $.message = "parked*" }',
      metric,
      value: '1',
    });
    alarm(`${name}-parked`, metric, [], { statistic: 'Sum', ...limits('parked', name) });
  }
  alarm('relay-lag', 'AWS/Lambda IteratorAge', [`FunctionName ${names.of('relay')}`], {
    statistic: 'Maximum',
    ...limits('relayLagSeconds', 'relay', 1000),
  });
  for (const consumer of consumers) {
    for (const queue of LANE_NAMES.map((lane) => queueOf(consumer, lane)))
      alarm(`${queue}-queue-age`, 'AWS/SQS ApproximateAgeOfOldestMessage', [`QueueName ${names.of(queue)}`], {
        statistic: 'Maximum',
        ...limits('queueAgeSeconds', consumer),
      });
    alarm(
      `${consumer}-dead-letters`,
      'AWS/SQS ApproximateNumberOfMessagesVisible',
      [`QueueName ${names.of(`${consumer}${DEAD_LETTER_SUFFIX}`)}`],
      { statistic: 'Maximum', ...limits('deadLetters', consumer) },
    );
    for (const [line, { metric, pattern, value }] of Object.entries(LINES))
      filter(`${consumer}-${line}`, { group: names.group(consumer), pattern, metric: `${own} Delay.${metric}`, value });
  }
  const { stateSeconds, lagSeconds, rpoSeconds } = objectives.cells;
  for (const [name, seconds] of Object.entries({ 'to-state': stateSeconds, lag: lagSeconds, rpo: rpoSeconds }))
    alarm(name, `${own} Delay.${name}`, [], {
      statistic: 'Maximum',
      comparison: 'GreaterThanThreshold',
      threshold: seconds * 1000,
      period: 300,
      evaluations: 2,
      breaching: 2,
    });
  const shown = ['relay', ...consumers].map((name) => `Parked.${name}`);
  things[`dashboard ${cell.id}`] = { own: [...shown, 'Delay.to-state', 'Delay.lag', 'Delay.rpo'].sort() };
  return things;
}
