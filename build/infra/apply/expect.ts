// What a cell on AWS must consist of, worked out from the declarations: written down a second time, without the module, so that one
// can be held against the other.
import { type ConsumerDeclaration, DEAD_LETTER_SUFFIX, LANE_NAMES, queueOf } from '../../../core/cell/topology.ts';
import { ALARM_ADDRESS, type Deployment, Names } from './deployment.ts';
import { expectedAlarms } from './expect-alarms.ts';
import { expectedNetwork } from './expect-network.ts';
import type { Facts, Inventory } from './inventory.ts';
import type { Json } from './json.ts';

/** Names that the module's defaults have as values; its README lists them. */
const DEFAULTS = { logDays: 30, rate: 500, burst: 1000, sample: '0.05', zones: 2 } as const;

const DAY_SECONDS = 24 * 60 * 60;

const base64 = (hexadecimal: string): string => Buffer.from(hexadecimal, 'hex').toString('base64');

export function expectedInventory(deployment: Deployment): Inventory {
  const { topology, options } = deployment;
  const names = new Names(deployment);
  const things: Record<string, Facts> = {};
  const add = (kind: string, name: string, facts: Facts): void => {
    things[`${kind} ${name}`] = facts;
  };
  tables(deployment, names, add);
  const functions = ['http', 'relay', ...topology.consumers.map(({ name }) => name)];
  for (const name of functions) aFunction(deployment, names, name, add);
  add('mapping', names.of('events'), {
    function: names.alias('relay'),
    batch: topology.relay.batchSize,
    window: topology.relay.batchWindowSeconds,
    responses: ['ReportBatchItemFailures'],
    concurrency: null,
    position: 'TRIM_HORIZON',
    parallelization: topology.relay.parallelizationFactor,
    retries: -1,
    age: -1,
  });
  const key = options.has('key');
  add('topic', names.of('events'), { key: key ? '{key id}' : 'alias/aws/sns', tracing: 'Active' });
  add('topic', names.of('alarms'), { key: key ? '{key id}' : null });
  for (const consumer of topology.consumers) consumerOf(deployment, names, consumer, add);
  api(deployment, names, add);
  if (options.has('email')) add('subscription', ALARM_ADDRESS, { topic: names.of('alarms'), protocol: 'email' });
  if (key) add('key', deployment.cell.id, { rotated: true, aliases: [`alias/${deployment.cell.id}`] });
  return {
    ...things,
    ...expectedAlarms(deployment),
    ...(options.has('network') && expectedNetwork(deployment, DEFAULTS.zones)),
  };
}

type Add = (kind: string, name: string, facts: Facts) => void;

function tables({ options, protection }: Deployment, { of }: Names, add: Add): void {
  const common = {
    keys: ['HASH p', 'RANGE s'],
    billing: 'PAY_PER_REQUEST',
    timeToLive: 't',
    recovery: 'ENABLED',
    protection,
    key: options.has('key') ? '{key}' : null,
  };
  add('table', of('events'), { ...common, stream: 'NEW_IMAGE' });
  add('table', of('state'), { ...common, stream: null });
}

function aFunction(deployment: Deployment, names: Names, name: string, add: Add): void {
  const { cell, topology, options, digests } = deployment;
  const consumer = topology.consumers.find((each) => each.name === name);
  const bundle = name === 'http' || name === 'relay' ? name : 'worker';
  const limits = consumer ?? topology[name as 'http' | 'relay'];
  const key = options.has('key');
  add('function', names.of(name), {
    alias: 'live',
    code: base64(digests[bundle]),
    runtime: `${cell.runtime}.x`,
    handler: 'index.handler',
    architectures: ['arm64'],
    timeout: limits.timeoutSeconds,
    memory: limits.memoryMegabytes,
    role: names.role(name),
    tracing: 'Active',
    environment: environment(deployment, names, name, consumer),
    key: key ? '{key}' : null,
    logFormat: 'JSON',
    logGroup: names.group(name),
    subnets: options.has('network') ? DEFAULTS.zones : 0,
    concurrency: options.has('concurrency') ? limits.maximumConcurrency : null,
    callers: name === 'http' ? [{ principal: 'apigateway.amazonaws.com', source: names.caller }] : [],
  });
  add('logs', names.group(name), { days: DEFAULTS.logDays, key: key ? '{key}' : null });
  const upon = {
    ...grants(names, name),
    Log: `${names.groupArn(names.group(name))}:*`,
    Trace: '*',
    ...(key && { Key: '{key}' }),
    ...(options.has('network') && { Interfaces: '*' }),
  };
  const statements = Object.entries(upon).map(([statement, resource]) => [`upon ${statement}`, resource] as const);
  add('role', names.of(name), {
    trusts: ['lambda.amazonaws.com'],
    policies: ['function'],
    statements: statements.map(([statement]) => statement).sort(),
    ...Object.fromEntries(statements),
  });
}

function environment(
  { cell, version, routeKeys, identityKey, edge }: Deployment,
  names: Names,
  name: string,
  consumer: ConsumerDeclaration | undefined,
): Json {
  const lease = { APP_IDENTITY_KEY: identityKey, APP_EDGE: edge };
  const keys = { APP_IDENTITY_KEY: identityKey, APP_ROUTE_KEYS: JSON.stringify(routeKeys) };
  return {
    APP_CELL: cell.id,
    APP_VERSION: version,
    APP_EVENTS_TABLE: names.of('events'),
    APP_STATE_TABLE: names.of('state'),
    APP_TOPIC_ARN: names.topic('events'),
    OTEL_EXPORTER_OTLP_ENDPOINT: '',
    OTEL_EXPORTER_OTLP_HEADERS: '',
    OTEL_TRACES_SAMPLER_ARG: DEFAULTS.sample,
    ...(name === 'http' && {
      ...lease,
      ...keys,
      APP_ENDPOINTS: names.endpoint,
      APP_ROUTE_AUDIENCE: 'required',
    }),
    ...(consumer !== undefined && { APP_CONSUMER: consumer.name }),
    ...(consumer?.effects === 'home-only' && { ...lease, ...keys }),
    ...(consumer?.effects === 'copies' && keys),
  };
}

/** Statement → what it is about. What is named there must be what is there, though the module names it without referring to it. */
function grants({ table, topic, queue }: Names, name: string): Readonly<Record<string, Json>> {
  if (name === 'http') return { EventsAppend: table('events'), EventsRead: table('events'), State: table('state') };
  if (name === 'relay') return { Stream: '{stream}', Publish: topic('events'), State: table('state') };
  return {
    Queue: [queue(name), queue(queueOf(name, 'side')), queue(`${name}${DEAD_LETTER_SUFFIX}`)],
    Events: table('events'),
    State: table('state'),
  };
}

function consumerOf(
  { topology: { deadLetterRetentionDays }, options }: Deployment,
  names: Names,
  consumer: ConsumerDeclaration,
  add: Add,
): void {
  const { name } = consumer;
  const deadLetters = `${name}${DEAD_LETTER_SUFFIX}`;
  const common = {
    visibility: consumer.visibilitySeconds,
    retention: deadLetterRetentionDays * DAY_SECONDS,
    key: options.has('key') ? '{key}' : null,
  };
  const mapping = { function: names.alias(name), responses: ['ReportBatchItemFailures'] };
  for (const lane of LANE_NAMES) {
    const queue = queueOf(name, lane);
    add('queue', names.of(queue), {
      ...common,
      deadLetters: names.queue(deadLetters),
      deliveries: consumer.maximumDeliveries,
      senders: [
        { effect: 'Allow', principal: 'sns.amazonaws.com', action: 'sqs:SendMessage', source: names.topic('events') },
      ],
    });
    add('subscription', names.of(queue), {
      topic: names.of('events'),
      protocol: 'sqs',
      raw: 'true',
      scope: 'MessageAttributes',
      filter: {
        type: consumer.types,
        consumer: [name, { exists: false }],
        lane: lane === 'side' ? ['side'] : [{ exists: false }],
      },
    });
    add('mapping', names.of(queue), {
      ...mapping,
      batch: consumer.batchSize,
      window: consumer.batchWindowSeconds,
      concurrency: Math.max(2, Math.floor(consumer.maximumConcurrency / 2)),
    });
  }
  add('queue', names.of(deadLetters), {
    ...common,
    deadLetters: null,
    redriveFrom: [names.queue(name), names.queue(queueOf(name, 'side'))],
  });
  add('mapping', names.of(deadLetters), { ...mapping, batch: 10, window: 0, concurrency: 2 });
}

function api({ cell, topology, options }: Deployment, names: Names, add: Add): void {
  const log = `/aws/apigateway/${cell.id}`;
  add('api', cell.id, { protocol: 'HTTP', closed: false });
  add('route', '$default', {
    type: 'AWS_PROXY',
    function: names.alias('http'),
    payload: '2.0',
    timeout: Math.min(30_000, topology.http.timeoutSeconds * 1000 + 1000),
  });
  add('stage', '$default', {
    deploys: true,
    rate: DEFAULTS.rate,
    burst: DEFAULTS.burst,
    log: names.groupArn(log),
  });
  add('logs', log, { days: DEFAULTS.logDays, key: options.has('key') ? '{key}' : null });
}
