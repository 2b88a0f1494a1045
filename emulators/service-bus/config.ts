// Reads the configuration file of Microsoft's emulator: entities that exist from the start.
import type { Queue, Subscription } from './broker/entities.ts';
import type { Namespace } from './broker/namespace.ts';
import type { CorrelationFilter, RuleDescription } from './broker/rules.ts';
import type { QueueSettings, SubscriptionSettings, TopicSettings } from './broker/settings.ts';
import { parseDuration } from './durations.ts';
import { ServiceBusError } from './errors.ts';

/** A configuration that cannot be used; the text says where. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

type Json = Readonly<Record<string, unknown>>;

/** Properties of the file and the settings they stand for. */
const PROPERTIES = new Map<string, { key: string; kind: 'duration' | 'boolean' | 'number' | 'text' }>([
  ['DeadLetteringOnMessageExpiration', { key: 'deadLetterOnExpiration', kind: 'boolean' }],
  ['DefaultMessageTimeToLive', { key: 'defaultTtlMs', kind: 'duration' }],
  ['DuplicateDetectionHistoryTimeWindow', { key: 'duplicateWindowMs', kind: 'duration' }],
  ['ForwardDeadLetteredMessagesTo', { key: 'forwardDeadLetteredTo', kind: 'text' }],
  ['ForwardTo', { key: 'forwardTo', kind: 'text' }],
  ['LockDuration', { key: 'lockDurationMs', kind: 'duration' }],
  ['MaxDeliveryCount', { key: 'maxDeliveryCount', kind: 'number' }],
  ['RequiresDuplicateDetection', { key: 'requiresDuplicateDetection', kind: 'boolean' }],
  ['RequiresSession', { key: 'requiresSession', kind: 'boolean' }],
  ['UserMetadata', { key: 'userMetadata', kind: 'text' }],
]);

const FILTER_FIELDS = new Map<string, Exclude<keyof CorrelationFilter, 'kind' | 'properties'>>([
  ['ContentType', 'contentType'],
  ['CorrelationId', 'correlationId'],
  ['Label', 'label'],
  ['Subject', 'label'],
  ['MessageId', 'messageId'],
  ['ReplyTo', 'replyTo'],
  ['ReplyToSessionId', 'replyToSessionId'],
  ['SessionId', 'sessionId'],
  ['To', 'to'],
]);

/** Parses a configuration file. Comments and trailing commas are allowed, as Microsoft's own sample has them. */
export function parseConfig(text: string): unknown {
  const plain = text
    .replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_whole, string: string | undefined) => string ?? '')
    .replace(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_whole, string: string | undefined) => string ?? '');
  try {
    return JSON.parse(plain);
  } catch (error) {
    if (error instanceof SyntaxError) throw new ConfigError(`The configuration is not JSON: ${error.message}`);
    throw error;
  }
}

/** Makes the entities of a configuration; those that exist already are left as they are. */
export function applyConfig(namespace: Namespace, config: unknown): void {
  const user = object(object(config, 'the configuration').UserConfig, 'UserConfig');
  const made: Made[] = [];
  for (const [index, item] of array(user.Namespaces, 'UserConfig.Namespaces').entries()) {
    const at = `Namespaces[${index}]`;
    const { Queues, Topics } = object(item, at);
    for (const queue of array(Queues ?? [], `${at}.Queues`))
      made.push(...addQueue(namespace, object(queue, `${at}.Queues`)));
    for (const topic of array(Topics ?? [], `${at}.Topics`))
      made.push(...addTopic(namespace, object(topic, `${at}.Topics`)));
  }
  for (const { entity, at, forwarding } of made) located(at, () => namespace.update(entity, forwarding));
}

/** An entity that was made, and where it forwards to: what it forwards to may stand behind it in the file. */
interface Made {
  readonly entity: Queue | Subscription;
  readonly at: string;
  readonly forwarding: Forwarding;
}

type Forwarding = Partial<Pick<QueueSettings, 'forwardTo' | 'forwardDeadLetteredTo'>>;

function addQueue(namespace: Namespace, queue: Json): Made[] {
  const name = nameOf(queue, 'a queue');
  if (namespace.find(name) !== undefined) return [];
  const at = `queue ${name}`;
  const { forwarding, settings } = split(settingsOf(queue.Properties, at));
  return [{ entity: located(at, () => namespace.createQueue(name, settings)), at, forwarding }];
}

function addTopic(namespace: Namespace, topic: Json): Made[] {
  const name = nameOf(topic, 'a topic');
  if (namespace.find(name) === undefined) {
    const settings = settingsOf(topic.Properties, `topic ${name}`) as Partial<TopicSettings>;
    located(`topic ${name}`, () => namespace.createTopic(name, settings));
  }
  const made: Made[] = [];
  for (const item of array(topic.Subscriptions ?? [], `the subscriptions of ${name}`)) {
    const subscription = object(item, `a subscription of ${name}`);
    const subscriptionName = nameOf(subscription, `a subscription of ${name}`);
    if (namespace.subscription(name, subscriptionName) !== undefined) continue;
    const at = `subscription ${name}/${subscriptionName}`;
    const { forwarding, settings } = split(settingsOf(subscription.Properties, at));
    const rules = array(subscription.Rules ?? [], `the rules of ${at}`).map((rule) => ruleOf(object(rule, at), at));
    const [first, ...more] = rules;
    const entity = located(at, () => namespace.createSubscription(name, subscriptionName, settings, first));
    for (const rule of more) located(at, () => namespace.addRule(entity, rule));
    made.push({ entity, at, forwarding });
  }
  return made;
}

/** Says which entity of the file it is that the namespace refuses. */
function located<T>(at: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof ServiceBusError) throw new ConfigError(`${at}: ${error.message}`);
    throw error;
  }
}

/** The settings that name other entities, and the rest. */
function split(given: object): { forwarding: Forwarding; settings: Partial<QueueSettings & SubscriptionSettings> } {
  const { forwardTo, forwardDeadLetteredTo, ...settings }: Partial<QueueSettings & SubscriptionSettings> = given;
  return { forwarding: { forwardTo, forwardDeadLetteredTo }, settings };
}

function settingsOf(value: unknown, at: string): object {
  const settings: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value === undefined ? {} : object(value, `the Properties of ${at}`))) {
    const property = PROPERTIES.get(name);
    if (property === undefined) throw new ConfigError(`${at}: the property '${name}' is not known`);
    const { key, kind } = property;
    if (kind === 'duration') {
      const ms = typeof given === 'string' ? parseDuration(given) : undefined;
      if (ms === undefined) throw new ConfigError(`${at}: '${String(given)}' is not a duration (${name})`);
      settings[key] = ms;
    } else if (kind === 'text') settings[key] = given === '' ? undefined : String(given);
    else if (typeof given === kind) settings[key] = given;
    else throw new ConfigError(`${at}: ${name} must be a ${kind}`);
  }
  return settings;
}

function ruleOf(rule: Json, at: string): RuleDescription {
  const name = nameOf(rule, `a rule of ${at}`);
  const properties = object(rule.Properties ?? {}, `${at}, rule ${name}`);
  const action = object(properties.Action ?? {}, `${at}, rule ${name}, Action`).SqlExpression;
  const filter = filterOf(properties, `${at}, rule ${name}`);
  return typeof action === 'string' ? { name, filter, action: { expression: action } } : { name, filter };
}

function filterOf(properties: Json, at: string): RuleDescription['filter'] {
  const type = String(properties.FilterType ?? '').toLowerCase();
  if (type === 'sql') {
    const { SqlExpression: expression } = object(properties.SqlFilter, `${at}, SqlFilter`);
    if (typeof expression !== 'string') throw new ConfigError(`${at}: the SqlFilter has no SqlExpression`);
    return { kind: 'sql', expression };
  }
  if (type !== 'correlation') throw new ConfigError(`${at}: the FilterType must be Correlation or Sql`);
  const given = object(properties.CorrelationFilter, `${at}, CorrelationFilter`);
  const fields: Partial<Record<Exclude<keyof CorrelationFilter, 'kind' | 'properties'>, string>> = {};
  for (const [name, value] of Object.entries(given)) {
    if (name === 'Properties') continue;
    const field = FILTER_FIELDS.get(name);
    if (field === undefined) throw new ConfigError(`${at}: the filter property '${name}' is not known`);
    fields[field] = String(value);
  }
  const custom = Object.entries(object(given.Properties ?? {}, `${at}, Properties`)).map(([name, value]) => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return [name, value] as const;
    throw new ConfigError(`${at}: the property '${name}' has no simple value`);
  });
  return { kind: 'correlation', ...fields, properties: new Map(custom) };
}

function object(value: unknown, at: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new ConfigError(`${at} must be an object`);
}

function array(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ConfigError(`${at} must be a list`);
}

function nameOf(value: Json, what: string): string {
  if (typeof value.Name === 'string' && value.Name !== '') return value.Name;
  throw new ConfigError(`${what} has no Name`);
}
