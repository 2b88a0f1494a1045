// The part of host.json that this host supports, validated; a setting with a wrong type or range is an error, as on Azure.

/** `extensions.http`. */
export interface HttpSettings {
  readonly routePrefix: string;
  /** Requests handled at once; -1 for no limit. */
  readonly maxConcurrentRequests: number;
  /** Requests held or waiting; more are answered 429. -1 for no limit. */
  readonly maxOutstandingRequests: number;
}

/** `extensions.serviceBus`. */
export interface ServiceBusSettings {
  readonly autoCompleteMessages: boolean;
  readonly maxAutoLockRenewalMs: number;
  readonly maxConcurrentCalls: number;
  readonly maxConcurrentSessions: number;
  readonly maxConcurrentCallsPerSession: number;
  readonly maxMessageBatchSize: number;
  readonly minMessageBatchSize: number;
  readonly maxBatchWaitMs: number;
  /** How long an accepted session may stay silent before the next one is taken. */
  readonly sessionIdleTimeoutMs: number;
  readonly clientRetry: ClientRetry;
}

/** `extensions.serviceBus.clientRetryOptions`: how the client retries, not how messages are. */
export interface ClientRetry {
  readonly exponential: boolean;
  readonly tryTimeoutMs: number;
  readonly delayMs: number;
  readonly maxDelayMs: number;
  readonly maxRetries: number;
}

/** host.json as this host uses it. */
export interface HostJson {
  /** undefined = none (-1). */
  readonly functionTimeoutMs: number | undefined;
  readonly http: HttpSettings;
  readonly serviceBus: ServiceBusSettings;
  /** Settings in the file that the cloud supports and this host does not. */
  readonly ignored: readonly string[];
}

/** Without a setting, every plan but Consumption stops a function after half an hour. */
const DEFAULT_FUNCTION_TIMEOUT_MS = 30 * 60_000;
/** The service multiplies this by the cores of its machine; here it is one core, so that runs are comparable. */
const MAX_CONCURRENT_CALLS = 16;

/** Settings of the real host without a meaning here. */
const WITHOUT_EFFECT = new Set([
  '$schema',
  'version',
  'logging',
  'extensionBundle',
  'healthMonitor',
  'singleton',
  'watchDirectories',
  'watchFiles',
  'aggregator',
  'sendCanceledInvocationsToTheWorker',
  'telemetryMode',
  'customHandler',
  'managedDependency',
  'concurrency',
  'retry',
  'functionTimeout',
  'extensions',
]);

const HTTP_KEYS = ['routePrefix', 'maxConcurrentRequests', 'maxOutstandingRequests'];
const SERVICE_BUS_KEYS = [
  'autoCompleteMessages',
  'autoComplete',
  'maxAutoLockRenewalDuration',
  'maxConcurrentCalls',
  'maxConcurrentSessions',
  'maxConcurrentCallsPerSession',
  'maxMessageBatchSize',
  'minMessageBatchSize',
  'maxBatchWaitTime',
  'sessionIdleTimeout',
  'clientRetryOptions',
];

/**
 * @param json the parsed file
 * @param problems one sentence is added for every fault
 */
export function parseHostJson(json: Record<string, unknown>, problems: string[]): HostJson {
  if (json.version !== '2.0') problems.push(`"version" must be "2.0", not ${JSON.stringify(json.version)}`);
  for (const key of Object.keys(json)) {
    if (!WITHOUT_EFFECT.has(key)) problems.push(`"${key}" is not a setting of host.json`);
  }
  if (json.retry !== undefined) problems.push('"retry" is no longer supported; declare retry policies in the app');
  const extensions = section(json, 'extensions', '', problems);
  const http = section(extensions, 'http', 'extensions.', problems);
  const bus = section(extensions, 'serviceBus', 'extensions.', problems);
  const read = reader('extensions.serviceBus.', bus, problems);
  const readHttp = reader('extensions.http.', http, problems);

  const maxMessageBatchSize = read.integer('maxMessageBatchSize', 1000, 1);
  const minMessageBatchSize = read.integer('minMessageBatchSize', 1, 1);
  if (minMessageBatchSize > maxMessageBatchSize) {
    problems.push('extensions.serviceBus.minMessageBatchSize exceeds maxMessageBatchSize');
  }
  const maxBatchWaitMs = read.duration('maxBatchWaitTime', 30_000);
  if (maxBatchWaitMs > 150_000) problems.push('extensions.serviceBus.maxBatchWaitTime may be at most 00:02:30');
  const client = section(bus, 'clientRetryOptions', 'extensions.serviceBus.', problems);
  const readClient = reader('extensions.serviceBus.clientRetryOptions.', client, problems);
  const mode = readClient.text('mode', 'exponential').toLowerCase();
  if (mode !== 'exponential' && mode !== 'fixed') {
    problems.push('extensions.serviceBus.clientRetryOptions.mode must be "exponential" or "fixed"');
  }
  const tryTimeoutMs = readClient.duration('tryTimeout', 60_000);

  const unknown = (at: string, values: Record<string, unknown>, known: readonly string[]): string[] =>
    Object.keys(values).flatMap((key) => (known.includes(key) ? [] : [`${at}.${key}`]));
  return {
    functionTimeoutMs: functionTimeout(json.functionTimeout, problems),
    ignored: [
      ...unknown('extensions.http', http, HTTP_KEYS),
      ...unknown('extensions.serviceBus', bus, SERVICE_BUS_KEYS),
      ...(json.concurrency === undefined ? [] : ['concurrency']),
    ],
    http: {
      routePrefix: readHttp.text('routePrefix', 'api').replace(/^\/+|\/+$/g, ''),
      maxConcurrentRequests: readHttp.integer('maxConcurrentRequests', -1, -1),
      maxOutstandingRequests: readHttp.integer('maxOutstandingRequests', -1, -1),
    },
    serviceBus: {
      // The older name is still honoured by the extension.
      autoCompleteMessages: read.flag('autoCompleteMessages', read.flag('autoComplete', true)),
      maxAutoLockRenewalMs: read.duration('maxAutoLockRenewalDuration', 5 * 60_000),
      maxConcurrentCalls: read.integer('maxConcurrentCalls', MAX_CONCURRENT_CALLS, 1),
      maxConcurrentSessions: read.integer('maxConcurrentSessions', 8, 1),
      maxConcurrentCallsPerSession: read.integer('maxConcurrentCallsPerSession', 1, 1),
      maxMessageBatchSize,
      minMessageBatchSize,
      maxBatchWaitMs,
      sessionIdleTimeoutMs: read.duration('sessionIdleTimeout', tryTimeoutMs),
      clientRetry: {
        exponential: mode === 'exponential',
        tryTimeoutMs,
        delayMs: readClient.duration('delay', 800),
        maxDelayMs: readClient.duration('maxDelay', 60_000),
        maxRetries: readClient.integer('maxRetries', 3, 1),
      },
    },
  };
}

function functionTimeout(value: unknown, problems: string[]): number | undefined {
  if (value === undefined) return DEFAULT_FUNCTION_TIMEOUT_MS;
  if (value === '-1' || value === -1) return undefined;
  const milliseconds = typeof value === 'string' ? parseTimeSpan(value) : undefined;
  if (milliseconds === undefined || milliseconds <= 0) {
    problems.push(`"functionTimeout" must be a time span such as "00:05:00" or -1, not ${JSON.stringify(value)}`);
    return DEFAULT_FUNCTION_TIMEOUT_MS;
  }
  return milliseconds;
}

function section(
  parent: Record<string, unknown>,
  key: string,
  at: string,
  problems: string[],
): Record<string, unknown> {
  const value = parent[key];
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  problems.push(`${at}${key} must be an object`);
  return {};
}

interface Reader {
  text(key: string, fallback: string): string;
  flag(key: string, fallback: boolean): boolean;
  integer(key: string, fallback: number, least: number): number;
  duration(key: string, fallbackMs: number): number;
}

function reader(at: string, values: Record<string, unknown>, problems: string[]): Reader {
  return {
    text(key, fallback) {
      const value = values[key];
      if (value === undefined || typeof value === 'string') return value ?? fallback;
      problems.push(`${at}${key} must be a text`);
      return fallback;
    },
    flag(key, fallback) {
      const value = values[key];
      if (value === undefined || typeof value === 'boolean') return value ?? fallback;
      problems.push(`${at}${key} must be true or false`);
      return fallback;
    },
    integer(key, fallback, least) {
      const value = values[key];
      if (value === undefined) return fallback;
      if (typeof value === 'number' && Number.isInteger(value) && value >= least && value !== 0) return value;
      problems.push(
        `${at}${key} must be a whole number of at least ${Math.max(least, 1)}${least < 0 ? ', or -1' : ''}`,
      );
      return fallback;
    },
    duration(key, fallbackMs) {
      const value = values[key];
      if (value === undefined) return fallbackMs;
      const milliseconds = typeof value === 'string' ? parseTimeSpan(value) : undefined;
      if (milliseconds !== undefined) return milliseconds;
      problems.push(`${at}${key} must be a time span such as "00:01:00"`);
      return fallbackMs;
    },
  };
}

/** Reads .NET's `[d.]hh:mm:ss[.fffffff]`; undefined if it is something else. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,7})?$/.exec(text);
  if (match === null) return undefined;
  const [days, hours, minutes, seconds] = [1, 2, 3, 4].map((group) => Number(match[group] ?? 0));
  if (hours === undefined || minutes === undefined || seconds === undefined) return undefined;
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const whole = ((((days ?? 0) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
  return whole + Math.round(Number(match[5] ?? 0) * 1000);
}
