// The elements of entity descriptions and the settings they stand for; one table serves reading and writing.
import type { EntityStatus, QueueSettings, SubscriptionSettings, TopicSettings } from '../broker/settings.ts';
import { formatDuration, parseDuration } from '../durations.ts';
import { badRequest, type ServiceBusError } from '../errors.ts';
import { child, type Element, escapeXml } from './xml.ts';

/** Settings of any entity; each kind has some of them. */
export type AnySettings = Partial<QueueSettings & TopicSettings & SubscriptionSettings>;

/** How one element is read into a setting and written from it. */
interface Field {
  readonly element: string;
  read(text: string, settings: AnySettings, element: Element): void;
  /** XML for the element, or undefined to leave it out. */
  write(settings: AnySettings): string | undefined;
  /** The setting is fixed once the entity exists. */
  readonly fixed?: (settings: AnySettings) => unknown;
}

type KeysOf<T> = { [K in keyof AnySettings]-?: AnySettings[K] extends T | undefined ? K : never }[keyof AnySettings];

function invalid(element: string, text: string): ServiceBusError {
  return badRequest(`The value '${text}' of ${element} is not valid.`);
}

const simple = (element: string, text: string): string => `<${element}>${escapeXml(text)}</${element}>`;

function durationField(element: string, key: KeysOf<number>): Field {
  return {
    element,
    read(text, settings) {
      const ms = parseDuration(text);
      if (ms === undefined || ms <= 0) throw invalid(element, text);
      Object.assign(settings, { [key]: ms });
    },
    write: (settings) => simple(element, formatDuration(settings[key] ?? Number.POSITIVE_INFINITY)),
  };
}

function numberField(element: string, key: KeysOf<number>, minimum: number, maximum: number): Field {
  return {
    element,
    read(text, settings) {
      const value = Number(text);
      if (!Number.isInteger(value) || value < minimum || value > maximum) throw invalid(element, text);
      Object.assign(settings, { [key]: value });
    },
    write: (settings) => simple(element, String(settings[key] ?? 0)),
  };
}

function booleanField(element: string, key: KeysOf<boolean>, fixed = false): Field {
  const field: Field = {
    element,
    read(text, settings) {
      const folded = text.trim().toLowerCase();
      if (folded !== 'true' && folded !== 'false') throw invalid(element, text);
      Object.assign(settings, { [key]: folded === 'true' });
    },
    write: (settings) => simple(element, String(settings[key] ?? false)),
  };
  return fixed ? { ...field, fixed: (settings) => settings[key] } : field;
}

function textField(element: string, key: 'userMetadata'): Field {
  return {
    element,
    read(text, settings) {
      settings[key] = text;
    },
    write: (settings) => (settings[key] === undefined ? undefined : simple(element, settings[key])),
  };
}

function forwardField(element: string, key: 'forwardTo' | 'forwardDeadLetteredTo'): Field {
  return {
    element,
    read(text, settings) {
      // Scheme and host are compared without regard to case, and shown in lower case.
      const target = text.trim().replace(/^[a-z]+:\/\/[^/]*/i, (start) => start.toLowerCase());
      settings[key] = target === '' ? undefined : target;
    },
    write: (settings) => (settings[key] === undefined ? undefined : simple(element, settings[key])),
  };
}

const STATUSES: readonly EntityStatus[] = ['Active', 'Disabled', 'SendDisabled', 'ReceiveDisabled'];

const status: Field = {
  element: 'Status',
  read(text, settings) {
    const found = STATUSES.find((candidate) => candidate === text.trim());
    if (found === undefined) throw invalid('Status', text);
    settings.status = found;
  },
  write: (settings) => simple('Status', settings.status ?? 'Active'),
};

const authorizationRules: Field = {
  element: 'AuthorizationRules',
  read(_text, settings, element) {
    settings.authorizationRules = element.children.length === 0 ? undefined : element.source;
  },
  write: (settings) => settings.authorizationRules ?? '<AuthorizationRules />',
};

const maxMessageSize: Field = {
  element: 'MaxMessageSizeInKilobytes',
  read(text, settings) {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw invalid('MaxMessageSizeInKilobytes', text);
    settings.maxMessageSizeInKilobytes = value === 0 ? undefined : value;
  },
  write: (settings) => simple('MaxMessageSizeInKilobytes', String(settings.maxMessageSizeInKilobytes ?? 256)),
};

const lockDuration = durationField('LockDuration', 'lockDurationMs');
const LARGEST_SIZE = 81_920 * 16;
const maxSize = numberField('MaxSizeInMegabytes', 'maxSizeInMegabytes', 1, LARGEST_SIZE);
const duplicates = booleanField('RequiresDuplicateDetection', 'requiresDuplicateDetection', true);
const duplicateWindow = durationField('DuplicateDetectionHistoryTimeWindow', 'duplicateWindowMs');
const requiresSession = booleanField('RequiresSession', 'requiresSession', true);
const timeToLive = durationField('DefaultMessageTimeToLive', 'defaultTtlMs');
const deadLettering = booleanField('DeadLetteringOnMessageExpiration', 'deadLetterOnExpiration');
const deliveries = numberField('MaxDeliveryCount', 'maxDeliveryCount', 1, 2_147_483_647);
const batched = booleanField('EnableBatchedOperations', 'enableBatchedOperations');
const idle = durationField('AutoDeleteOnIdle', 'autoDeleteOnIdleMs');
const partitioning = booleanField('EnablePartitioning', 'enablePartitioning', true);
const express = booleanField('EnableExpress', 'enableExpress');
const metadata = textField('UserMetadata', 'userMetadata');
const forwardTo = forwardField('ForwardTo', 'forwardTo');
const forwardDeadLetters = forwardField('ForwardDeadLetteredMessagesTo', 'forwardDeadLetteredTo');

/** The settings of each kind of entity, in the order in which the service writes them. */
export const FIELDS = {
  queue: [
    lockDuration,
    maxSize,
    duplicates,
    requiresSession,
    timeToLive,
    deadLettering,
    duplicateWindow,
    deliveries,
    batched,
    authorizationRules,
    status,
    forwardTo,
    metadata,
    idle,
    partitioning,
    forwardDeadLetters,
    express,
    maxMessageSize,
  ],
  topic: [
    timeToLive,
    maxSize,
    duplicates,
    duplicateWindow,
    batched,
    authorizationRules,
    status,
    metadata,
    booleanField('SupportOrdering', 'supportOrdering'),
    idle,
    partitioning,
    express,
    maxMessageSize,
  ],
  subscription: [
    lockDuration,
    requiresSession,
    timeToLive,
    deadLettering,
    booleanField('DeadLetteringOnFilterEvaluationExceptions', 'deadLetterOnFilterErrors'),
    deliveries,
    batched,
    status,
    forwardTo,
    metadata,
    forwardDeadLetters,
    idle,
  ],
} as const satisfies Record<string, readonly Field[]>;

export type EntityKind = keyof typeof FIELDS;

/** The settings that a description names. */
export function readSettings(kind: EntityKind, description: Element): AnySettings {
  const settings: AnySettings = {};
  for (const field of FIELDS[kind]) {
    const element = child(description, field.element);
    if (element !== undefined && element.attributes.get('nil') !== 'true') field.read(element.text, settings, element);
  }
  return settings;
}

/** The settings after an update: optional ones that the description leaves out are taken back. */
export function readUpdate(kind: EntityKind, description: Element): AnySettings {
  const optional: AnySettings = { userMetadata: undefined };
  if (kind !== 'topic') Object.assign(optional, { forwardTo: undefined, forwardDeadLetteredTo: undefined });
  return { ...optional, ...readSettings(kind, description) };
}

/** The elements of a description. */
export function writeSettings(kind: EntityKind, settings: AnySettings): string {
  return FIELDS[kind].map((field) => field.write(settings) ?? '').join('');
}

/** Throws if an update would change what is fixed at creation. */
export function checkUpdate(kind: EntityKind, before: AnySettings, after: AnySettings): void {
  const fields: readonly Field[] = FIELDS[kind];
  for (const { element, fixed } of fields) {
    const wanted = fixed?.(after);
    if (wanted !== undefined && wanted !== fixed?.(before))
      throw badRequest(`The value for the ${element} property of an existing entity cannot be changed.`);
  }
}
