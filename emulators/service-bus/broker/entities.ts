// Queues, topics and subscriptions: what a sent message meets on its way into a store.
import type { MessageContent } from '../amqp/message.ts';
import { CONDITION, entityDisabled, ServiceBusError } from '../errors.ts';
import { SqlEvaluationError } from '../sql/errors.ts';
import { DuplicateWindow } from './duplicates.ts';
import type { MessageOrigin, StoredMessage } from './message.ts';
import type { Namespace } from './namespace.ts';
import { Receivable } from './receivable.ts';
import { type Arrival, DEFAULT_RULE, type Rule } from './rules.ts';
import {
  type QueueSettings,
  quotaBytes,
  type SendableSettings,
  type SubscriptionSettings,
  type TopicSettings,
} from './settings.ts';
import { MessageStore, type StoreOwner } from './store.ts';

/** Why a message is dead-lettered that a filter could not be evaluated for. */
const FILTER_ERROR = 'FilterEvaluationException';

/** Dates that the administration API shows. */
export interface Dates {
  createdAt: number;
  updatedAt: number;
  accessedAt: number;
}

/** A queue. */
export class Queue implements Dates {
  readonly kind = 'queue';
  readonly name: string;
  readonly receivable: Receivable;
  readonly duplicates = new DuplicateWindow();
  createdAt: number;
  updatedAt: number;
  accessedAt: number;
  private current: QueueSettings;

  constructor(namespace: Namespace, name: string, settings: QueueSettings) {
    this.name = name;
    this.current = settings;
    this.createdAt = this.updatedAt = this.accessedAt = namespace.clock.now();
    this.receivable = new Receivable(namespace, name, settings, (message) => this.activate(message));
  }

  get settings(): QueueSettings {
    return this.current;
  }

  set settings(settings: QueueSettings) {
    this.current = settings;
    this.receivable.settings = settings;
  }

  /** Throws if the queue cannot take the message. */
  check(content: MessageContent): void {
    const { settings, receivable } = this;
    checkSendable(this.name, settings, settings.status, receivable.store.sizeInBytes + content.tail.length);
    if (settings.requiresSession && content.sessionId === undefined)
      throw new ServiceBusError(
        CONDITION.notAllowed,
        'The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session support enabled can only receive messages that have the SessionId set to a valid value.',
      );
  }

  /** Takes a checked message in. A duplicate is dropped in silence. */
  accept(content: MessageContent, origin: MessageOrigin): void {
    if (!isNew(this.duplicates, content, this.settings, this.receivable.namespace.clock.now())) return;
    if (!scheduleIfLater(this.receivable.store, content, origin)) this.receivable.accept(content, origin);
  }

  /** Schedules a message and returns its sequence number. */
  schedule(content: MessageContent): number {
    return scheduleMessage(this.receivable.store, this.duplicates, content, this.settings);
  }

  private activate(message: StoredMessage): void {
    this.receivable.accept(message.content, { wasScheduled: true, hops: message.hops });
  }
}

/** A subscription of a topic. */
export class Subscription implements Dates {
  readonly kind = 'subscription';
  readonly topic: Topic;
  readonly name: string;
  readonly receivable: Receivable;
  readonly rules = new Map<string, Rule>();
  createdAt: number;
  updatedAt: number;
  accessedAt: number;
  private current: SubscriptionSettings;

  constructor(namespace: Namespace, topic: Topic, name: string, settings: SubscriptionSettings, rule?: Rule) {
    this.topic = topic;
    this.name = name;
    this.current = settings;
    this.createdAt = this.updatedAt = this.accessedAt = namespace.clock.now();
    const first = rule ?? { ...DEFAULT_RULE, createdAt: this.createdAt };
    this.rules.set(first.name.toLowerCase(), first);
    this.receivable = new Receivable(namespace, `${topic.name}/Subscriptions/${name}`, settings, () => undefined);
  }

  get settings(): SubscriptionSettings {
    return this.current;
  }

  set settings(settings: SubscriptionSettings) {
    this.current = settings;
    this.receivable.settings = settings;
  }

  sortedRules(): Rule[] {
    return [...this.rules.values()].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  }

  /** The copies of a message that this subscription gets: one for all plain rules, one for each rule with an action. */
  route(
    content: MessageContent,
    arrival: Arrival,
  ): { copies: MessageContent[]; failure: SqlEvaluationError | undefined } {
    const copies: MessageContent[] = [];
    let plain = false;
    let failure: SqlEvaluationError | undefined;
    for (const rule of this.rules.values()) {
      try {
        if (!rule.matches(content, arrival)) continue;
        if (rule.apply === undefined) plain = true;
        else copies.push(rule.apply(content, arrival));
      } catch (error) {
        if (!(error instanceof SqlEvaluationError)) throw error;
        failure = error;
      }
    }
    if (plain) copies.unshift(content);
    return { copies, failure };
  }
}

/** A topic. */
export class Topic implements Dates {
  readonly kind = 'topic';
  readonly name: string;
  readonly subscriptions = new Map<string, Subscription>();
  readonly duplicates = new DuplicateWindow();
  /** Messages waiting for their time; the others are handed straight to the subscriptions. */
  readonly scheduled: MessageStore;
  settings: TopicSettings;
  createdAt: number;
  updatedAt: number;
  accessedAt: number;
  private readonly namespace: Namespace;

  constructor(namespace: Namespace, name: string, settings: TopicSettings) {
    this.namespace = namespace;
    this.name = name;
    this.settings = settings;
    this.createdAt = this.updatedAt = this.accessedAt = namespace.clock.now();
    const owner: StoreOwner = {
      settings: namespace.subscriptionDefaults,
      clock: namespace.clock,
      journal: namespace.journal,
      deadLetter: undefined,
      activate: (message) => this.publish(message.content, { wasScheduled: true, hops: message.hops }),
    };
    this.scheduled = new MessageStore(name, owner, false);
  }

  /** Bytes held by all subscriptions. */
  get sizeInBytes(): number {
    let size = this.scheduled.sizeInBytes;
    for (const { receivable } of this.subscriptions.values())
      for (const store of receivable.stores) size += store.sizeInBytes;
    return size;
  }

  /** Throws if the topic cannot take the message. */
  check(content: MessageContent): void {
    checkSendable(this.name, this.settings, this.settings.status, this.sizeInBytes + content.tail.length);
  }

  /** Takes a checked message in. A duplicate is dropped in silence. */
  accept(content: MessageContent, origin: MessageOrigin): void {
    if (!isNew(this.duplicates, content, this.settings, this.namespace.clock.now())) return;
    if (!scheduleIfLater(this.scheduled, content, origin)) this.publish(content, origin);
  }

  /** Schedules a message and returns its sequence number. */
  schedule(content: MessageContent): number {
    return scheduleMessage(this.scheduled, this.duplicates, content, this.settings);
  }

  private publish(content: MessageContent, origin: MessageOrigin): void {
    const enqueuedSequenceNumber = ++this.scheduled.lastSequenceNumber;
    const passed: MessageOrigin = { ...origin, enqueuedSequenceNumber };
    const ttlMs = Math.min(content.ttlMs ?? Number.POSITIVE_INFINITY, this.settings.defaultTtlMs);
    for (const subscription of this.subscriptions.values()) {
      const { status } = subscription.settings;
      if (status === 'Disabled') continue;
      const arrival = { sequenceNumber: enqueuedSequenceNumber, enqueuedTime: this.namespace.clock.now() };
      const { copies, failure } = subscription.route(content, arrival);
      for (const copy of copies) subscription.receivable.accept(copy.withTtl(ttlMs), passed);
      if (failure !== undefined && subscription.settings.deadLetterOnFilterErrors)
        subscription.receivable.bury(content, passed, { reason: FILTER_ERROR, description: failure.message });
    }
  }
}

function checkSendable(name: string, settings: SendableSettings, status: string, sizeAfter: number): void {
  if (status === 'Disabled' || status === 'SendDisabled') throw entityDisabled(name);
  if (sizeAfter > quotaBytes(settings))
    throw new ServiceBusError(
      CONDITION.resourceLimitExceeded,
      `The maximum entity size has been reached or exceeded for '${name}': ${settings.maxSizeInMegabytes} MB.`,
    );
}

function isNew(seen: DuplicateWindow, content: MessageContent, settings: SendableSettings, now: number): boolean {
  return !settings.requiresDuplicateDetection || seen.note(content.messageId, now, settings.duplicateWindowMs);
}

function scheduleIfLater(store: MessageStore, content: MessageContent, origin: MessageOrigin): boolean {
  const at = content.scheduledFor;
  if (at === undefined || at <= store.owner.clock.now()) return false;
  store.add(content, { ...origin, state: 'scheduled', scheduledFor: at, enqueuedTime: at });
  return true;
}

function scheduleMessage(
  store: MessageStore,
  seen: DuplicateWindow,
  content: MessageContent,
  settings: SendableSettings,
): number {
  if (!isNew(seen, content, settings, store.owner.clock.now())) return ++store.lastSequenceNumber;
  const scheduledFor = content.scheduledFor ?? store.owner.clock.now();
  return store.add(content, { state: 'scheduled', scheduledFor, enqueuedTime: scheduledFor }).sequenceNumber;
}
