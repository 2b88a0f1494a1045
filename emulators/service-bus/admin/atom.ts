// Atom entries and feeds for queues, topics, subscriptions and rules.
import type { Dates, Queue, Subscription, Topic } from '../broker/entities.ts';
import type { Receivable } from '../broker/receivable.ts';
import type { Rule } from '../broker/rules.ts';
import type { MessageStore } from '../broker/store.ts';
import { writeSettings } from './fields.ts';
import { writeRule } from './rule-xml.ts';
import { escapeXml } from './xml.ts';

const ATOM = 'http://www.w3.org/2005/Atom';
const CONNECT = 'http://schemas.microsoft.com/netservices/2010/10/servicebus/connect';
const INSTANCE = 'http://www.w3.org/2001/XMLSchema-instance';
const COUNTS = 'http://schemas.microsoft.com/netservices/2011/06/servicebus';
const NAMESPACE_NAME = 'polycell-emulator';

/** An entity or rule, ready to be put in an entry. */
export interface Item {
  /** Where it is, from the root of the namespace. */
  readonly path: string;
  readonly title: string;
  readonly element: string;
  readonly content: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** An entry for one item. */
export function entryXml(base: string, item: Item, root = true): string {
  const id = escapeXml(`${base}${item.path}`);
  return (
    `<entry${root ? ` xmlns="${ATOM}"` : ''}><id>${id}</id><title type="text">${escapeXml(item.title)}</title>` +
    `<published>${iso(item.createdAt)}</published><updated>${iso(item.updatedAt)}</updated>` +
    `<author><name>${NAMESPACE_NAME}</name></author><link rel="self" href="${id}" />` +
    `<content type="application/xml"><${item.element} xmlns="${CONNECT}" xmlns:i="${INSTANCE}">${item.content}</${item.element}></content></entry>`
  );
}

/** A feed of items; `next` is the address of the page that follows. */
export function feedXml(base: string, path: string, title: string, items: readonly Item[], next?: string): string {
  const link = (relation: string, href: string): string => `<link rel="${relation}" href="${escapeXml(href)}" />`;
  return (
    `<feed xmlns="${ATOM}"><title type="text">${escapeXml(title)}</title><id>${escapeXml(`${base}${path}`)}</id>` +
    `<updated>${iso(items[0]?.updatedAt ?? 0)}</updated>${link('self', `${base}${path}`)}` +
    `${next === undefined ? '' : link('next', next)}${items.map((item) => entryXml(base, item, false)).join('')}</feed>`
  );
}

/** The error document. */
export function errorXml(status: number, detail: string): string {
  return `<Error><Code>${status}</Code><Detail>${escapeXml(detail)}</Detail></Error>`;
}

/** The namespace's own description. */
export function namespaceItem(createdAt: number): Item {
  const content =
    `<Alias /><CreatedTime>${iso(createdAt)}</CreatedTime><MessagingSKU>Standard</MessagingSKU>` +
    `<ModifiedTime>${iso(createdAt)}</ModifiedTime><Name>${NAMESPACE_NAME}</Name><NamespaceType>Messaging</NamespaceType>`;
  const dates = { createdAt, updatedAt: createdAt };
  return { path: '$namespaceinfo', title: NAMESPACE_NAME, element: 'NamespaceInfo', content, ...dates };
}

export function queueItem(queue: Queue): Item {
  const { store } = queue.receivable;
  const size = queue.receivable.stores.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  return {
    path: queue.name,
    title: queue.name,
    element: 'QueueDescription',
    content:
      writeSettings('queue', queue.settings) +
      runtime(queue, store.accessedAt) +
      `<SizeInBytes>${size}</SizeInBytes>` +
      counts(queue.receivable),
    ...dates(queue),
  };
}

export function topicItem(topic: Topic): Item {
  return {
    path: topic.name,
    title: topic.name,
    element: 'TopicDescription',
    content:
      writeSettings('topic', topic.settings) +
      runtime(topic, 0) +
      `<SizeInBytes>${topic.sizeInBytes}</SizeInBytes><SubscriptionCount>${topic.subscriptions.size}</SubscriptionCount>` +
      countDetails({ scheduled: topic.scheduled.messages.size }),
    ...dates(topic),
  };
}

export function subscriptionItem(subscription: Subscription): Item {
  return {
    path: `${subscription.topic.name}/Subscriptions/${subscription.name}`,
    title: subscription.name,
    element: 'SubscriptionDescription',
    content:
      writeSettings('subscription', subscription.settings) +
      runtime(subscription, subscription.receivable.store.accessedAt) +
      counts(subscription.receivable),
    ...dates(subscription),
  };
}

export function ruleItem(subscription: Subscription, rule: Rule): Item {
  return {
    path: `${subscription.topic.name}/Subscriptions/${subscription.name}/Rules/${rule.name}`,
    title: rule.name,
    element: 'RuleDescription',
    content: writeRule(rule, rule.createdAt),
    createdAt: rule.createdAt,
    updatedAt: rule.createdAt,
  };
}

function dates({ createdAt, updatedAt }: Dates): { createdAt: number; updatedAt: number } {
  return { createdAt, updatedAt };
}

function runtime({ createdAt, updatedAt, accessedAt }: Dates, receivedAt: number): string {
  return (
    `<CreatedAt>${iso(createdAt)}</CreatedAt><UpdatedAt>${iso(updatedAt)}</UpdatedAt>` +
    `<AccessedAt>${iso(Math.max(accessedAt, receivedAt))}</AccessedAt>` +
    '<EntityAvailabilityStatus>Available</EntityAvailabilityStatus>'
  );
}

/** How many messages a queue or subscription holds, by state. */
export function countMessages(store: MessageStore): { active: number; deferred: number; scheduled: number } {
  const found = { active: 0, deferred: 0, scheduled: 0 };
  for (const { state } of store.messages.values()) found[state]++;
  return found;
}

function counts({ store, deadLetters, transferDeadLetters }: Receivable): string {
  const { active, deferred, scheduled } = countMessages(store);
  const total = store.messages.size + deadLetters.messages.size + transferDeadLetters.messages.size;
  return `<MessageCount>${total}</MessageCount>${countDetails({
    // Deferred messages count as active ones.
    active: active + deferred,
    dead: deadLetters.messages.size,
    scheduled,
    transferDead: transferDeadLetters.messages.size,
  })}`;
}

function countDetails({ active = 0, dead = 0, scheduled = 0, transferDead = 0 }): string {
  // Clients insist on exactly one namespace declaration here.
  return (
    `<CountDetails xmlns:d2p1="${COUNTS}"><d2p1:ActiveMessageCount>${active}</d2p1:ActiveMessageCount>` +
    `<d2p1:DeadLetterMessageCount>${dead}</d2p1:DeadLetterMessageCount>` +
    `<d2p1:ScheduledMessageCount>${scheduled}</d2p1:ScheduledMessageCount>` +
    '<d2p1:TransferMessageCount>0</d2p1:TransferMessageCount>' +
    `<d2p1:TransferDeadLetterMessageCount>${transferDead}</d2p1:TransferDeadLetterMessageCount></CountDetails>`
  );
}
