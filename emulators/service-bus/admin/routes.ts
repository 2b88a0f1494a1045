// The administration API: which request means what.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Namespace } from '../broker/namespace.ts';
import { DEFAULT_RULE } from '../broker/rules.ts';
import { asServiceBusError, badRequest, childNotFound, entityNotFound } from '../errors.ts';
import {
  entryXml,
  errorXml,
  feedXml,
  type Item,
  namespaceItem,
  queueItem,
  ruleItem,
  subscriptionItem,
  topicItem,
} from './atom.ts';
import { type AnySettings, checkUpdate, type EntityKind, readSettings, readUpdate } from './fields.ts';
import { readRule } from './rule-xml.ts';
import { child, type Element, parseXml, XmlError } from './xml.ts';

const MAX_BODY = 1024 * 1024;
const PAGE = 100;
/** A partitioned entity has sixteen times the size it was given. */
const PARTITIONS = 16;

/** What a request is answered with. */
interface Answer {
  readonly status: number;
  readonly xml?: string;
}

/** A request, taken apart. */
interface Call {
  readonly namespace: Namespace;
  readonly method: string;
  readonly path: string;
  readonly base: string;
  readonly query: URLSearchParams;
  readonly update: boolean;
  readonly body: Element | undefined;
}

const RULE = /^(.+)\/subscriptions\/([^/]+)\/rules\/([^/]+)$/i;
const RULES = /^(.+)\/subscriptions\/([^/]+)\/rules\/?$/i;
const SUBSCRIPTION = /^(.+)\/subscriptions\/([^/]+)$/i;
const SUBSCRIPTIONS = /^(.+)\/subscriptions\/?$/i;
const RESOURCES = /^\$resources\/([^/]+)$/i;

/** Serves one request of the administration API. */
export async function administrate(
  namespace: Namespace,
  request: IncomingMessage,
  response: ServerResponse,
  beforeAnswer: () => void,
): Promise<void> {
  const answer = await serve(namespace, request);
  beforeAnswer();
  response.writeHead(answer.status, { 'content-type': 'application/atom+xml;type=entry;charset=utf-8' });
  response.end(answer.xml ?? '');
}

async function serve(namespace: Namespace, request: IncomingMessage): Promise<Answer> {
  const host = request.headers.host ?? '';
  try {
    const body = await readBody(request);
    const secure = 'encrypted' in request.socket;
    const [path = '', query] = (request.url ?? '/').split('?', 2);
    return route({
      namespace,
      method: request.method ?? 'GET',
      path: decodeURIComponent(path).replace(/^\/+|\/+$/g, ''),
      base: `${secure ? 'https' : 'http'}://${host}/`,
      query: new URLSearchParams(query),
      update: request.headers['if-match'] !== undefined,
      body: body === '' ? undefined : parseXml(body),
    });
  } catch (error) {
    if (error instanceof XmlError || error instanceof URIError)
      return { status: 400, xml: errorXml(400, `SubCode=40000. Bad Request. ${error.message}`) };
    const { status, message } = asServiceBusError(error).seenAt(host);
    return { status, xml: errorXml(status, message) };
  }
}

function route(call: Call): Answer {
  const { path, namespace } = call;
  if (path.toLowerCase() === '$namespaceinfo')
    return { status: 200, xml: entryXml(call.base, namespaceItem(namespace.createdAt)) };
  const [, resource] = RESOURCES.exec(path) ?? [];
  if (resource !== undefined) return listEntities(call, resource.toLowerCase());
  const [, ruleTopic, ruleSubscription, rule] = RULE.exec(path) ?? [];
  if (ruleTopic !== undefined && ruleSubscription !== undefined && rule !== undefined)
    return onRule(call, ruleTopic, ruleSubscription, rule);
  const [, rulesTopic, rulesSubscription] = RULES.exec(path) ?? [];
  if (rulesTopic !== undefined && rulesSubscription !== undefined)
    return listRules(call, rulesTopic, rulesSubscription);
  const [, topic, name] = SUBSCRIPTION.exec(path) ?? [];
  if (topic !== undefined && name !== undefined) return onSubscription(call, topic, name);
  const [, listed] = SUBSCRIPTIONS.exec(path) ?? [];
  if (listed !== undefined) return listSubscriptions(call, listed);
  return onEntity(call);
}

function wrongMethod(method: string): Answer {
  return { status: 405, xml: errorXml(405, `SubCode=40500. The method ${method} is not supported here.`) };
}

function entry(call: Call, item: Item, status = 200): Answer {
  return { status, xml: entryXml(call.base, item) };
}

function page(call: Call, title: string, items: readonly Item[]): Answer {
  const skip = Number(call.query.get('$skip') ?? 0);
  const top = Number(call.query.get('$top') ?? PAGE);
  const shown = items.slice(skip, skip + top);
  const following = skip + top;
  const next =
    following < items.length && top > 0
      ? `${call.base}${call.path}?$skip=${following}&$top=${top}&api-version=${call.query.get('api-version') ?? ''}`
      : undefined;
  return { status: 200, xml: feedXml(call.base, call.path, title, shown, next) };
}

function listEntities(call: Call, resource: string): Answer {
  if (call.method !== 'GET') return wrongMethod(call.method);
  if (resource === 'queues') return page(call, 'Queues', call.namespace.list('queue').map(queueItem));
  if (resource === 'topics') return page(call, 'Topics', call.namespace.list('topic').map(topicItem));
  throw entityNotFound(call.path);
}

function listSubscriptions(call: Call, topicName: string): Answer {
  if (call.method !== 'GET') return wrongMethod(call.method);
  const topic = call.namespace.topic(topicName);
  if (topic === undefined) throw entityNotFound(topicName);
  const subscriptions = [...topic.subscriptions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return page(call, 'Subscriptions', subscriptions.map(subscriptionItem));
}

function listRules(call: Call, topic: string, name: string): Answer {
  if (call.method !== 'GET') return wrongMethod(call.method);
  const subscription = call.namespace.subscription(topic, name);
  if (subscription === undefined) throw childNotFound(topic, name);
  return page(
    call,
    'Rules',
    subscription.sortedRules().map((rule) => ruleItem(subscription, rule)),
  );
}

/** The settings element of the request. */
function description(call: Call, ...names: readonly string[]): Element {
  const content = child(call.body, 'content');
  const found = content?.children.find(({ name }) => names.includes(name));
  if (found === undefined) throw badRequest(`The request body has no ${names.join(' or ')}.`);
  return found;
}

function settingsOf(kind: EntityKind, element: Element): AnySettings {
  const settings = readSettings(kind, element);
  if (settings.enablePartitioning === true && settings.maxSizeInMegabytes !== undefined)
    settings.maxSizeInMegabytes *= PARTITIONS;
  return settings;
}

function onEntity(call: Call): Answer {
  const { namespace, path, method } = call;
  const existing = namespace.find(path);
  switch (method) {
    case 'GET':
      // A missing queue or topic is an empty feed, where a missing subscription is an error.
      if (existing === undefined) return { status: 200, xml: feedXml(call.base, path, 'Publicly Listed Services', []) };
      return entry(call, existing.kind === 'queue' ? queueItem(existing) : topicItem(existing));
    case 'DELETE':
      if (!namespace.delete(path)) throw entityNotFound(path);
      return { status: 200 };
    case 'PUT':
      break;
    default:
      return wrongMethod(method);
  }
  if (path === '') throw badRequest('The address names no entity.');
  const element = description(call, 'QueueDescription', 'TopicDescription');
  const kind = element.name === 'QueueDescription' ? 'queue' : 'topic';
  if (!call.update) {
    const settings = withPartitionedSize(settingsOf(kind, element));
    return kind === 'queue'
      ? entry(call, queueItem(namespace.createQueue(path, settings)), 201)
      : entry(call, topicItem(namespace.createTopic(path, settings)), 201);
  }
  if (existing === undefined || existing.kind !== kind) throw entityNotFound(path);
  const settings = readUpdate(kind, element);
  checkUpdate(kind, existing.settings, settings);
  namespace.update(existing, settings);
  return entry(call, existing.kind === 'queue' ? queueItem(existing) : topicItem(existing));
}

function withPartitionedSize(settings: AnySettings): AnySettings {
  if (settings.enablePartitioning !== true || settings.maxSizeInMegabytes !== undefined) return settings;
  return { ...settings, maxSizeInMegabytes: 1_024 * PARTITIONS };
}

function onSubscription(call: Call, topic: string, name: string): Answer {
  const { namespace, method } = call;
  const existing = namespace.subscription(topic, name);
  switch (method) {
    case 'GET':
      if (existing === undefined) throw childNotFound(topic, name);
      return entry(call, subscriptionItem(existing));
    case 'DELETE':
      if (!namespace.deleteSubscription(topic, name)) throw childNotFound(topic, name);
      return { status: 200 };
    case 'PUT':
      break;
    default:
      return wrongMethod(method);
  }
  const element = description(call, 'SubscriptionDescription');
  if (!call.update) {
    const settings = readSettings('subscription', element);
    const rule = child(element, 'DefaultRuleDescription');
    const first = rule === undefined ? undefined : readRule(rule);
    const created = namespace.createSubscription(
      topic,
      name,
      settings,
      first === undefined ? undefined : { ...first, name: first.name === '' ? DEFAULT_RULE.name : first.name },
    );
    return entry(call, subscriptionItem(created), 201);
  }
  if (existing === undefined) throw childNotFound(topic, name);
  const settings = readUpdate('subscription', element);
  checkUpdate('subscription', existing.settings, settings);
  namespace.update(existing, settings);
  return entry(call, subscriptionItem(existing));
}

function onRule(call: Call, topic: string, subscriptionName: string, name: string): Answer {
  const { namespace, method } = call;
  const subscription = namespace.subscription(topic, subscriptionName);
  if (subscription === undefined) throw childNotFound(topic, subscriptionName);
  const existing = subscription.rules.get(name.toLowerCase());
  switch (method) {
    case 'GET':
      if (existing === undefined) throw childNotFound(topic, subscriptionName, name);
      return entry(call, ruleItem(subscription, existing));
    case 'DELETE':
      if (!namespace.removeRule(subscription, name)) throw childNotFound(topic, subscriptionName, name);
      return { status: 200 };
    case 'PUT':
      break;
    default:
      return wrongMethod(method);
  }
  const rule = readRule(description(call, 'RuleDescription'), name);
  if (!call.update) return entry(call, ruleItem(subscription, namespace.addRule(subscription, rule)), 201);
  if (existing === undefined) throw childNotFound(topic, subscriptionName, name);
  return entry(call, ruleItem(subscription, namespace.replaceRule(subscription, rule)));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > MAX_BODY) throw badRequest('The request body is too large.');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}
