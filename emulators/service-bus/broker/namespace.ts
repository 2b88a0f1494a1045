// The namespace: all entities by name, and the ways messages take between them.

import { type MessageContent, parseMessage } from '../amqp/message.ts';
import {
  asServiceBusError,
  CONDITION,
  childExists,
  entityExists,
  entityNotFound,
  messageTooLarge,
  ServiceBusError,
  unsupported,
} from '../errors.ts';
import { checkEntityName, checkForwarding, checkRuleName, checkSettings, checkSubscriptionName } from './checks.ts';
import type { EmulatorClock } from './clock.ts';
import { compileRule } from './compile-rule.ts';
import { Queue, Subscription, Topic } from './entities.ts';
import { type Journal, NO_JOURNAL } from './journal.ts';
import type { MessageOrigin } from './message.ts';
import type { Receivable } from './receivable.ts';
import type { Rule, RuleDescription } from './rules.ts';
import {
  LIMITS,
  type Limits,
  QUEUE_DEFAULTS,
  type QueueSettings,
  SUBSCRIPTION_DEFAULTS,
  type SubscriptionSettings,
  TOPIC_DEFAULTS,
  type TopicSettings,
} from './settings.ts';
import type { MessageStore } from './store.ts';

/** What an address names. */
export type Target =
  | { readonly kind: 'queue' | 'topic'; readonly entity: Queue | Topic }
  | { readonly kind: 'store'; readonly store: MessageStore; readonly receivable: Receivable };

/** Called for changes of entities: closes links when one is gone, and records changes. */
export interface NamespaceObserver {
  changed(entity: Queue | Topic | Subscription): void;
  deleted(path: string): void;
}

const NO_OBSERVER: NamespaceObserver = { changed() {}, deleted() {} };

const SUBSCRIPTION_PATH = /^(.+?)\/subscriptions\/([^/]+)$/i;
const DEAD_LETTER_SUFFIX = /\/\$deadletterqueue$/i;
const TRANSFER_SUFFIX = /\/\$transfer\/\$deadletterqueue$/i;

/** All entities. Names are compared without regard to case. */
export class Namespace {
  readonly clock: EmulatorClock;
  readonly journal: Journal;
  readonly limits: Limits;
  readonly subscriptionDefaults = SUBSCRIPTION_DEFAULTS;
  readonly createdAt: number;
  private readonly entities = new Map<string, Queue | Topic>();
  private readonly observer: NamespaceObserver;
  private checking = true;

  constructor(
    clock: EmulatorClock,
    journal: Journal = NO_JOURNAL,
    limits: Limits = LIMITS,
    observer: NamespaceObserver = NO_OBSERVER,
  ) {
    this.clock = clock;
    this.journal = journal;
    this.limits = limits;
    this.observer = observer;
    this.createdAt = clock.now();
  }

  /** Queues or topics, sorted by name. */
  list(kind: 'queue'): Queue[];
  list(kind: 'topic'): Topic[];
  list(kind: 'queue' | 'topic'): (Queue | Topic)[] {
    return [...this.entities.values()]
      .filter((entity) => entity.kind === kind)
      .sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  }

  find(name: string): Queue | Topic | undefined {
    return this.entities.get(name.toLowerCase());
  }

  queue(name: string): Queue | undefined {
    const entity = this.find(name);
    return entity?.kind === 'queue' ? entity : undefined;
  }

  topic(name: string): Topic | undefined {
    const entity = this.find(name);
    return entity?.kind === 'topic' ? entity : undefined;
  }

  subscription(topic: string, name: string): Subscription | undefined {
    return this.topic(topic)?.subscriptions.get(name.toLowerCase());
  }

  /** Puts entities back as they were: one that an earlier version let in, or whose target is gone, is kept. */
  withoutChecks(restore: () => void): void {
    this.checking = false;
    try {
      restore();
    } finally {
      this.checking = true;
    }
  }

  createQueue(name: string, settings: Partial<QueueSettings> = {}): Queue {
    this.checkNew(name, settings);
    const queue = new Queue(this, name, { ...QUEUE_DEFAULTS, ...settings });
    this.entities.set(name.toLowerCase(), queue);
    this.observer.changed(queue);
    return queue;
  }

  createTopic(name: string, settings: Partial<TopicSettings> = {}): Topic {
    this.checkNew(name, settings);
    const topic = new Topic(this, name, { ...TOPIC_DEFAULTS, ...settings });
    this.entities.set(name.toLowerCase(), topic);
    this.observer.changed(topic);
    return topic;
  }

  /** Makes a subscription; it has the given rule, or one that lets everything in. */
  createSubscription(
    topicName: string,
    name: string,
    settings: Partial<SubscriptionSettings> = {},
    rule?: RuleDescription,
  ): Subscription {
    const topic = this.topic(topicName);
    if (topic === undefined) throw entityNotFound(topicName);
    if (this.checking) checkSubscriptionName(topic.name, name, this.limits);
    if (topic.subscriptions.has(name.toLowerCase())) throw childExists(topic.name, name.toLowerCase());
    this.checkSettings(topic.name, settings);
    if (rule !== undefined && this.checking)
      checkRuleName(`${topic.name}/subscriptions/${name}`, rule.name, this.limits);
    const first = rule === undefined ? undefined : compileRule(rule, this.limits, this.clock.now());
    const subscription = new Subscription(this, topic, name, { ...SUBSCRIPTION_DEFAULTS, ...settings }, first);
    topic.subscriptions.set(name.toLowerCase(), subscription);
    this.observer.changed(subscription);
    return subscription;
  }

  /** Changes settings; those that are not named stay. */
  update(
    entity: Queue | Topic | Subscription,
    settings: Partial<QueueSettings & TopicSettings & SubscriptionSettings>,
  ): void {
    this.checkSettings(entity.kind === 'subscription' ? entity.topic.name : entity.name, {
      ...entity.settings,
      ...settings,
    });
    if (entity.kind === 'queue') entity.settings = { ...entity.settings, ...settings };
    else if (entity.kind === 'topic') entity.settings = { ...entity.settings, ...settings };
    else entity.settings = { ...entity.settings, ...settings };
    entity.updatedAt = this.clock.now();
    this.observer.changed(entity);
    if (entity.kind === 'topic') return;
    entity.receivable.forwardWaiting();
    entity.receivable.store.dispatcher.requestPump();
  }

  /** Deletes a queue or topic with all that is in it; false if there is none. */
  delete(name: string): boolean {
    const entity = this.find(name);
    if (entity === undefined) return false;
    if (entity.kind === 'topic') {
      for (const subscription of [...entity.subscriptions.values()]) this.deleteSubscription(name, subscription.name);
      entity.scheduled.dispose();
    } else entity.receivable.dispose();
    this.entities.delete(name.toLowerCase());
    this.observer.deleted(entity.name);
    return true;
  }

  /** Deletes a subscription; false if there is none. */
  deleteSubscription(topicName: string, name: string): boolean {
    const topic = this.topic(topicName);
    const subscription = topic?.subscriptions.get(name.toLowerCase());
    if (topic === undefined || subscription === undefined) return false;
    topic.subscriptions.delete(name.toLowerCase());
    subscription.receivable.dispose();
    this.observer.deleted(subscription.receivable.path);
    return true;
  }

  /** Adds a rule to a subscription. */
  addRule(subscription: Subscription, description: RuleDescription): Rule {
    const key = description.name.toLowerCase();
    const { topic, name } = subscription;
    if (this.checking) checkRuleName(`${topic.name}/subscriptions/${name}`, description.name, this.limits);
    if (subscription.rules.has(key)) throw childExists(topic.name, name.toLowerCase(), description.name);
    if (subscription.rules.size >= this.limits.rulesPerSubscription)
      throw new ServiceBusError(
        CONDITION.resourceLimitExceeded,
        `A subscription can have ${this.limits.rulesPerSubscription} rules.`,
      );
    const rule = compileRule(description, this.limits, this.clock.now());
    subscription.rules.set(key, rule);
    this.observer.changed(subscription);
    return rule;
  }

  /** Puts a rule in the place of the one with the same name. */
  replaceRule(subscription: Subscription, description: RuleDescription): Rule {
    const rule = compileRule(description, this.limits, this.clock.now());
    subscription.rules.set(description.name.toLowerCase(), rule);
    this.observer.changed(subscription);
    return rule;
  }

  /** Removes a rule; false if there is none of that name. */
  removeRule(subscription: Subscription, name: string): boolean {
    const removed = subscription.rules.delete(name.toLowerCase());
    if (removed) this.observer.changed(subscription);
    return removed;
  }

  /** The subscription that receives through `receivable`, unless that is a queue's. */
  subscriptionOf(receivable: Receivable): Subscription | undefined {
    const [, topic, name] = SUBSCRIPTION_PATH.exec(receivable.path) ?? [];
    const subscription = topic === undefined || name === undefined ? undefined : this.subscription(topic, name);
    return subscription?.receivable === receivable ? subscription : undefined;
  }

  /** Finds what an AMQP address names; throws if there is no such entity. */
  resolve(address: string): Target {
    const path = pathOf(address);
    const transfer = TRANSFER_SUFFIX.test(path);
    const dead = !transfer && DEAD_LETTER_SUFFIX.test(path);
    const base = path.replace(transfer ? TRANSFER_SUFFIX : DEAD_LETTER_SUFFIX, '');
    const entity = this.find(base);
    let receivable: Receivable | undefined;
    if (entity === undefined) {
      const [, topic, name] = SUBSCRIPTION_PATH.exec(base) ?? [];
      if (topic !== undefined && name !== undefined) receivable = this.subscription(topic, name)?.receivable;
    } else if (entity.kind === 'topic') {
      if (transfer || dead) throw entityNotFound(path);
      return { kind: 'topic', entity };
    } else if (!transfer && !dead) return { kind: 'queue', entity };
    else receivable = entity.receivable;
    if (receivable === undefined) throw entityNotFound(path);
    if (transfer) return { kind: 'store', store: receivable.transferDeadLetters, receivable };
    return { kind: 'store', store: dead ? receivable.deadLetters : receivable.store, receivable };
  }

  /** The store at a path, a topic's being the one for its scheduled messages. */
  storeAt(path: string): MessageStore | undefined {
    try {
      const target = this.resolve(path);
      if (target.kind === 'store') return target.store;
      return target.entity.kind === 'queue' ? target.entity.receivable.store : target.entity.scheduled;
    } catch (error) {
      if (error instanceof ServiceBusError && error.condition === CONDITION.notFound) return undefined;
      throw error;
    }
  }

  /** Every store there is. */
  *stores(): Generator<MessageStore> {
    for (const entity of this.entities.values()) {
      if (entity.kind === 'queue') yield* entity.receivable.stores;
      else {
        yield entity.scheduled;
        for (const { receivable } of entity.subscriptions.values()) yield* receivable.stores;
      }
    }
  }

  /** Every entity, topics before their subscriptions. */
  *all(): Generator<Queue | Topic | Subscription> {
    for (const entity of this.entities.values()) {
      yield entity;
      if (entity.kind === 'topic') yield* entity.subscriptions.values();
    }
  }

  /** Stores messages that arrived together: all of them, or none. */
  send(entity: Queue | Topic, messages: readonly Buffer[]): void {
    const contents = messages.map((bytes) => this.parse(entity, bytes));
    for (const content of contents) entity.check(content);
    for (const content of contents) entity.accept(content, {});
    entity.accessedAt = this.clock.now();
  }

  /** Takes a message apart and checks its sizes. */
  parse(entity: Queue | Topic, bytes: Buffer): MessageContent {
    const limit = this.maxMessageSize(entity);
    if (bytes.length > limit) throw messageTooLarge(bytes.length, limit);
    const content = parseMessage(bytes);
    if (content.messageId.length > this.limits.messageIdLength)
      throw new ServiceBusError(
        CONDITION.argumentError,
        `The MessageId is longer than ${this.limits.messageIdLength} characters.`,
      );
    if ((content.sessionId?.length ?? 0) > this.limits.sessionIdLength)
      throw new ServiceBusError(
        CONDITION.argumentError,
        `The SessionId is longer than ${this.limits.sessionIdLength} characters.`,
      );
    if (content.annotations.has('x-opt-via-partition-key'))
      throw unsupported('sending via another entity (transactions)');
    return content;
  }

  /** Bytes that one message to the entity may have. */
  maxMessageSize(entity: Queue | Topic): number {
    const kilobytes = entity.settings.maxMessageSizeInKilobytes;
    return kilobytes === undefined ? this.limits.maxMessageSize : kilobytes * 1024;
  }

  /** Passes a message on to another entity; the answer says why that was impossible. */
  forward(target: string, content: MessageContent, origin: MessageOrigin): ServiceBusError | undefined {
    try {
      if ((origin.hops ?? 0) > this.limits.forwardHops)
        throw new ServiceBusError(
          CONDITION.resourceLimitExceeded,
          `The message was forwarded more than ${this.limits.forwardHops} times.`,
        );
      const entity = this.find(pathOf(target));
      if (entity === undefined) throw entityNotFound(target);
      entity.check(content);
      entity.accept(content, origin);
      return undefined;
    } catch (error) {
      return asServiceBusError(error);
    }
  }

  /** Stops all timers. */
  dispose(): void {
    for (const store of this.stores()) store.dispose();
  }

  private checkNew(name: string, settings: Partial<QueueSettings>): void {
    if (this.checking) checkEntityName(name, this.limits);
    if (this.entities.has(name.toLowerCase())) throw entityExists();
    this.checkSettings(name, settings);
  }

  private checkSettings(entity: string, settings: Partial<QueueSettings>): void {
    if (!this.checking) return;
    checkSettings(settings, this.limits);
    const { forwardTo, forwardDeadLetteredTo, requiresSession = false } = settings;
    const forwarding = { forwardTo, forwardDeadLetteredTo, requiresSession };
    checkForwarding({ entity, settings: forwarding, exists: (path) => this.find(path) !== undefined }, pathOf);
  }
}

/** The path of an address that may be a whole URL, and percent-encoded as in one: no name has a `%` of its own. */
export function pathOf(address: string): string {
  const path = address.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/^\/+|\/+$/g, '');
  return path.includes('%') ? decoded(path) : path;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path;
    throw error;
  }
}
