// What the service refuses when an entity is created or changed: names, settings out of range, forwarding that cannot work.
import { formatDuration } from '../durations.ts';
import { badRequest, CONDITION, ServiceBusError } from '../errors.ts';
import type { Limits, ReceivableSettings, SendableSettings } from './settings.ts';

/** Letters, digits, `.`, `-`, `_` as the service's own error says, and `~`, which it accepts as well. */
const SEGMENT = /^[A-Za-z0-9._~-]+$/;
/** The rule that every subscription starts with: the one name that has another character. */
const DEFAULT_RULE = '$default';
const ALLOWED =
  'contains character(s) that is not allowed by Service Bus. Entity segments can contain only letters, numbers, periods (.), hyphens (-), and underscores (_). To know more visit https://aka.ms/sbResourceMgrExceptions.';
const API_VERSION = '?api-version=2021-05';

/** Throws unless a queue or topic can have this name, of one segment or several. */
export function checkEntityName(name: string, limits: Limits): void {
  if (!name.split('/').every((segment) => SEGMENT.test(segment)))
    throw badRequest((host) => `'https://${host}/${name}${API_VERSION}' ${ALLOWED}`);
  checkLength(name, limits.entityNameLength);
}

/** Throws unless a subscription of the topic can have this name. */
export function checkSubscriptionName(topic: string, name: string, limits: Limits): void {
  if (!SEGMENT.test(name)) throw childNameRefused(`${topic}/subscriptions/${name}`);
  checkLength(name, limits.subscriptionNameLength);
}

/** Throws unless a rule of the subscription can have this name. */
export function checkRuleName(subscription: string, name: string, limits: Limits): void {
  if (!SEGMENT.test(name) && name.toLowerCase() !== DEFAULT_RULE)
    throw childNameRefused(`${subscription}/rules/${name}`);
  checkLength(name, limits.subscriptionNameLength);
}

function childNameRefused(path: string): ServiceBusError {
  return new ServiceBusError(CONDITION.argumentError, (host) => `'sb://${host}/${path}${API_VERSION}' ${ALLOWED}`);
}

function checkLength(name: string, limit: number): void {
  if (name.length > limit) throw badRequest(`The name '${name}' is longer than ${limit} characters.`);
}

/** Settings of any entity, as far as they are given. */
type Given = Partial<ReceivableSettings & SendableSettings>;

/** Throws if a given setting is out of the range that the service accepts. */
export function checkSettings(settings: Given, limits: Limits): void {
  within('LockDuration', settings.lockDurationMs, 1, limits.lockDurationMaxMs);
  within(
    'DuplicateDetectionHistoryTimeWindow',
    settings.duplicateWindowMs,
    limits.duplicateWindowMinMs,
    limits.duplicateWindowMaxMs,
  );
  within('AutoDeleteOnIdle', settings.autoDeleteOnIdleMs, limits.autoDeleteOnIdleMinMs, Number.POSITIVE_INFINITY);
}

function within(element: string, ms: number | undefined, least: number, most: number): void {
  if (ms === undefined || (ms >= least && ms <= most)) return;
  throw badRequest(
    `The value '${formatDuration(ms)}' of ${element} is not valid: it must be between ${formatDuration(least)} and ${formatDuration(most)}.`,
  );
}

/** What has to be known of an entity to judge its forwarding. */
export interface Forwarding {
  /** The queue, or the topic of the subscription: neither may forward to itself. */
  readonly entity: string;
  readonly settings: Pick<ReceivableSettings, 'forwardTo' | 'forwardDeadLetteredTo' | 'requiresSession'>;
  /** Whether a queue or topic is at that address. */
  exists(target: string): boolean;
}

/** Throws if messages cannot be forwarded as the settings say. */
export function checkForwarding({ entity, settings, exists }: Forwarding, pathOf: (address: string) => string): void {
  const { forwardTo, forwardDeadLetteredTo, requiresSession } = settings;
  if (forwardTo !== undefined && requiresSession)
    throw badRequest('An entity that requires sessions cannot forward its messages (RequiresSession with ForwardTo).');
  for (const target of [forwardTo, forwardDeadLetteredTo]) {
    if (target === undefined) continue;
    const path = pathOf(target);
    if (path.toLowerCase() === entity.toLowerCase())
      throw badRequest(`Entity cannot have auto-forwarding policy to itself ('${path}').`);
    if (!exists(path))
      throw new ServiceBusError(
        CONDITION.argumentError,
        `SubCode=40400. The auto forwarding destination entity does not exist. There is no queue or topic '${path}'.`,
      );
  }
}
