// Entities as plain JSON, and back; JSON lacks infinity, maps and dates, which are written as tagged objects.
import { compileRule } from '../broker/compile-rule.ts';
import type { Queue, Subscription, Topic } from '../broker/entities.ts';
import type { Namespace } from '../broker/namespace.ts';
import type { RuleDescription } from '../broker/rules.ts';
import type { QueueSettings, SubscriptionSettings, TopicSettings } from '../broker/settings.ts';

/** All that has to be known to make an entity again. */
interface EntityDescription {
  readonly kind: 'queue' | 'topic' | 'subscription';
  readonly topic: string | undefined;
  readonly name: string;
  readonly settings: Partial<QueueSettings & TopicSettings & SubscriptionSettings>;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly rules: readonly (RuleDescription & { readonly createdAt: number })[];
}

/** The path under which an entity is recorded. */
export function entityPath(entity: Queue | Topic | Subscription): string {
  return entity.kind === 'subscription' ? entity.receivable.path : entity.name;
}

/** An entity in a form that JSON can hold. */
export function describeEntity(entity: Queue | Topic | Subscription): object {
  const subscription = entity.kind === 'subscription' ? entity : undefined;
  const description: EntityDescription = {
    kind: entity.kind,
    topic: subscription?.topic.name,
    name: entity.name,
    settings: entity.settings,
    createdAt: entity.createdAt,
    updatedAt: entity.updatedAt,
    rules: [...(subscription?.rules.values() ?? [])].map(({ name, filter, action, createdAt }) =>
      action === undefined ? { name, filter, createdAt } : { name, filter, action, createdAt },
    ),
  };
  return pack(description) as object;
}

/** Makes an entity again, changes it, or (without a description) deletes it. */
export function restoreEntity(namespace: Namespace, path: string, packed: unknown): void {
  if (packed === null || packed === undefined) {
    const [, topic, name] = /^(.+)\/Subscriptions\/([^/]+)$/.exec(path) ?? [];
    if (topic === undefined || name === undefined) namespace.delete(path);
    else namespace.deleteSubscription(topic, name);
    return;
  }
  const description = unpack(packed) as EntityDescription;
  const entity = findOrCreate(namespace, description);
  // The record of the subscription's topic was in a part of the file that cannot be read.
  if (entity === undefined) return;
  entity.createdAt = description.createdAt;
  entity.updatedAt = description.updatedAt;
  if (entity.kind !== 'subscription') return;
  entity.rules.clear();
  for (const rule of description.rules)
    entity.rules.set(rule.name.toLowerCase(), compileRule(rule, namespace.limits, rule.createdAt));
}

function findOrCreate(namespace: Namespace, description: EntityDescription): Queue | Topic | Subscription | undefined {
  const { kind, topic = '', name, settings } = description;
  const existing = kind === 'subscription' ? namespace.subscription(topic, name) : namespace.find(name);
  if (existing !== undefined) {
    namespace.update(existing, settings);
    return existing;
  }
  if (kind === 'queue') return namespace.createQueue(name, settings);
  if (kind === 'topic') return namespace.createTopic(name, settings);
  return namespace.topic(topic) === undefined ? undefined : namespace.createSubscription(topic, name, settings);
}

function pack(value: unknown): unknown {
  if (value === Number.POSITIVE_INFINITY) return { $: 'never' };
  if (typeof value === 'bigint') return { $: 'integer', text: String(value) };
  if (value instanceof Date) return { $: 'date', ms: value.getTime() };
  if (value instanceof Map) return { $: 'map', entries: [...value].map(([key, item]) => [key, pack(item)]) };
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
}

function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null) return value;
  if ('$' in value)
    switch (value.$) {
      case 'never':
        return Number.POSITIVE_INFINITY;
      case 'integer':
        return BigInt('text' in value ? String(value.text) : 0);
      case 'date':
        return new Date('ms' in value ? Number(value.ms) : 0);
      default: {
        const entries = 'entries' in value && Array.isArray(value.entries) ? value.entries : [];
        return new Map(entries.map(([key, item]: [string, unknown]) => [key, unpack(item)]));
      }
    }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)]));
}
