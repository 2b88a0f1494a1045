// What can be set on queues, topics and subscriptions, with the cloud's defaults and limits.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const MEGABYTE = 1024 * 1024;

/** Limits of the standard tier. Each can be lifted or lowered through the emulator's options. */
export const LIMITS = {
  /** Bytes of one message, and of one batch. */
  maxMessageSize: 256 * 1024,
  /** Characters of a queue's or topic's name. */
  entityNameLength: 260,
  /** Characters of a subscription's or rule's name. */
  subscriptionNameLength: 50,
  messageIdLength: 128,
  sessionIdLength: 128,
  /** Hops a message may be forwarded along a chain. */
  forwardHops: 4,
  lockDurationMaxMs: 5 * MINUTE,
  duplicateWindowMinMs: 20 * SECOND,
  duplicateWindowMaxMs: 7 * 24 * 60 * MINUTE,
  autoDeleteOnIdleMinMs: 5 * MINUTE,
  sqlFilterLength: 1_024,
  sqlActionLength: 1_024,
  rulesPerSubscription: 2_000,
  /** Messages one `$management` peek or deferred receive returns at most. */
  peekCount: 250,
} as const;

export type Limits = { readonly [K in keyof typeof LIMITS]: number };

export type EntityStatus = 'Active' | 'Disabled' | 'SendDisabled' | 'ReceiveDisabled';

/** What queues and subscriptions share. */
export interface ReceivableSettings {
  lockDurationMs: number;
  maxDeliveryCount: number;
  /** `Infinity` when messages never expire. */
  defaultTtlMs: number;
  deadLetterOnExpiration: boolean;
  requiresSession: boolean;
  forwardTo: string | undefined;
  forwardDeadLetteredTo: string | undefined;
  autoDeleteOnIdleMs: number;
  enableBatchedOperations: boolean;
  status: EntityStatus;
  userMetadata: string | undefined;
}

/** What queues and topics share. */
export interface SendableSettings {
  requiresDuplicateDetection: boolean;
  duplicateWindowMs: number;
  maxSizeInMegabytes: number;
  maxMessageSizeInKilobytes: number | undefined;
  enableExpress: boolean;
  /** Shown, and without effect: there is always one partition. */
  enablePartitioning: boolean;
  /** The rules as they came, in XML: keys are not checked. */
  authorizationRules: string | undefined;
}

export interface QueueSettings extends ReceivableSettings, SendableSettings {}

export interface TopicSettings extends SendableSettings {
  defaultTtlMs: number;
  autoDeleteOnIdleMs: number;
  enableBatchedOperations: boolean;
  supportOrdering: boolean;
  status: EntityStatus;
  userMetadata: string | undefined;
}

export interface SubscriptionSettings extends ReceivableSettings {
  deadLetterOnFilterErrors: boolean;
}

const RECEIVABLE: ReceivableSettings = {
  lockDurationMs: MINUTE,
  maxDeliveryCount: 10,
  defaultTtlMs: Number.POSITIVE_INFINITY,
  deadLetterOnExpiration: false,
  requiresSession: false,
  forwardTo: undefined,
  forwardDeadLetteredTo: undefined,
  autoDeleteOnIdleMs: Number.POSITIVE_INFINITY,
  enableBatchedOperations: true,
  status: 'Active',
  userMetadata: undefined,
};

const SENDABLE: SendableSettings = {
  requiresDuplicateDetection: false,
  duplicateWindowMs: 10 * MINUTE,
  maxSizeInMegabytes: 1_024,
  maxMessageSizeInKilobytes: undefined,
  enableExpress: false,
  enablePartitioning: false,
  authorizationRules: undefined,
};

export const QUEUE_DEFAULTS: QueueSettings = { ...RECEIVABLE, ...SENDABLE };

export const TOPIC_DEFAULTS: TopicSettings = {
  ...SENDABLE,
  defaultTtlMs: Number.POSITIVE_INFINITY,
  autoDeleteOnIdleMs: Number.POSITIVE_INFINITY,
  enableBatchedOperations: true,
  supportOrdering: true,
  status: 'Active',
  userMetadata: undefined,
};

export const SUBSCRIPTION_DEFAULTS: SubscriptionSettings = { ...RECEIVABLE, deadLetterOnFilterErrors: true };

/** Bytes in an entity's quota. */
export function quotaBytes(settings: SendableSettings): number {
  return settings.maxSizeInMegabytes * MEGABYTE;
}
