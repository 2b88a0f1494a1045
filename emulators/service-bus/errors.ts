// The errors a client can see, each an AMQP condition and a text in the words of the real service.

/** The AMQP conditions this emulator answers with. */
export const CONDITION = {
  internalError: 'amqp:internal-error',
  notFound: 'amqp:not-found',
  unauthorized: 'amqp:unauthorized-access',
  notAllowed: 'amqp:not-allowed',
  notImplemented: 'amqp:not-implemented',
  invalidField: 'amqp:invalid-field',
  decodeError: 'amqp:decode-error',
  resourceLimitExceeded: 'amqp:resource-limit-exceeded',
  connectionForced: 'amqp:connection:forced',
  framingError: 'amqp:connection:framing-error',
  detachForced: 'amqp:link:detach-forced',
  messageSizeExceeded: 'amqp:link:message-size-exceeded',
  serverBusy: 'com.microsoft:server-busy',
  timeout: 'com.microsoft:timeout',
  argumentError: 'com.microsoft:argument-error',
  entityAlreadyExists: 'com.microsoft:entity-already-exists',
  entityDisabled: 'com.microsoft:entity-disabled',
  deadLetter: 'com.microsoft:dead-letter',
  messageLockLost: 'com.microsoft:message-lock-lost',
  sessionLockLost: 'com.microsoft:session-lock-lost',
  sessionCannotBeLocked: 'com.microsoft:session-cannot-be-locked',
  messageNotFound: 'com.microsoft:message-not-found',
  storeLockLost: 'com.microsoft:store-lock-lost',
} as const;

export type Condition = (typeof CONDITION)[keyof typeof CONDITION];

/** The HTTP status that `$management` answers with for a condition; 400 for those not listed. */
const STATUS: Partial<Record<Condition, number>> = {
  [CONDITION.internalError]: 500,
  [CONDITION.notFound]: 404,
  [CONDITION.unauthorized]: 401,
  [CONDITION.notImplemented]: 501,
  [CONDITION.serverBusy]: 503,
  [CONDITION.timeout]: 408,
  [CONDITION.entityAlreadyExists]: 409,
  [CONDITION.messageLockLost]: 410,
  [CONDITION.sessionLockLost]: 410,
  [CONDITION.messageNotFound]: 404,
  [CONDITION.resourceLimitExceeded]: 403,
};

/** A text, or one that names the namespace: each client knows that by the host name it connected to. */
export type Wording = string | ((host: string) => string);

/** The host name of a client that gave none. */
const DEFAULT_HOST = '127.0.0.1';
/** Where a namespace of the cloud is found. */
const CLOUD_DOMAIN = '.servicebus.windows.net';
const MORE = 'To know more visit https://aka.ms/sbResourceMgrExceptions.';

/** A refusal that is reported to the client; anything else thrown is a defect of the emulator. */
export class ServiceBusError extends Error {
  override name = 'ServiceBusError';
  readonly condition: Condition | (string & {});
  private readonly wording: Wording;

  constructor(condition: Condition | (string & {}), wording: Wording) {
    super(typeof wording === 'string' ? wording : wording(DEFAULT_HOST));
    this.condition = condition;
    this.wording = wording;
  }

  /** The error in the words of a namespace that is known by this host name; none stands for the default. */
  seenAt(host: string): ServiceBusError {
    if (typeof this.wording === 'string' || host === '') return this;
    return new ServiceBusError(this.condition, this.wording(host));
  }

  /** The status code for `$management` and the administration API. */
  get status(): number {
    return STATUS[this.condition as Condition] ?? 400;
  }
}

/** What went wrong, as an error for a client; defects become `amqp:internal-error`. */
export function asServiceBusError(error: unknown): ServiceBusError {
  if (error instanceof ServiceBusError) return error;
  return new ServiceBusError(CONDITION.internalError, error instanceof Error ? error.message : String(error));
}

/** The SDK recognises a missing entity by this exact wording. */
export function entityNotFound(path: string): ServiceBusError {
  return new ServiceBusError(
    CONDITION.notFound,
    (host) => `The messaging entity 'sb://${host}/${path}' could not be found. ${MORE}`,
  );
}

/** A subscription or rule that the administration API does not find. */
export function childNotFound(...names: readonly string[]): ServiceBusError {
  return new ServiceBusError(CONDITION.notFound, (host) => `Entity '${childId(host, names)}' was not found. ${MORE}`);
}

/** A queue or topic with that name exists; the service does not say which. */
export function entityExists(): ServiceBusError {
  return new ServiceBusError(
    CONDITION.entityAlreadyExists,
    `SubCode=40900. Conflict. You're requesting an operation that isn't allowed in the resource's current state. ${MORE}`,
  );
}

/** A subscription or rule with that name exists. The text is the same over AMQP and HTTP. */
export function childExists(...names: readonly string[]): ServiceBusError {
  return new ServiceBusError(
    CONDITION.entityAlreadyExists,
    (host) => `The messaging entity '${childId(host, names)}' already exists. ${MORE}`,
  );
}

/** Sending, receiving or both are switched off. */
export function entityDisabled(path: string): ServiceBusError {
  return new ServiceBusError(
    CONDITION.entityDisabled,
    (host) => `Messaging entity 'sb://${host}/${path}' is currently disabled.`,
  );
}

/** What is asked for is a receiver, or a browser (peek, scheduled and deferred messages), of an entity that forwards its messages. */
export function forwarding(wanted: 'receiver' | 'browser'): ServiceBusError {
  return new ServiceBusError(
    CONDITION.notAllowed,
    `Cannot create a message ${wanted} on an entity with auto-forwarding enabled.`,
  );
}

/** A request that the service refuses with status 400. */
export function badRequest(text: Wording): ServiceBusError {
  return new ServiceBusError(
    CONDITION.argumentError,
    (host) => `SubCode=40000. ${typeof text === 'string' ? `Bad Request. ${text}` : text(host)}`,
  );
}

/** How the service names what is inside a topic: `namespace:Topic:topic|subscription|rule`. */
function childId(host: string, names: readonly string[]): string {
  const [name = ''] = host.split(':');
  const namespace = name.endsWith(CLOUD_DOMAIN) ? name.slice(0, -CLOUD_DOMAIN.length) : name;
  return `${namespace}:Topic:${names.join('|')}`;
}

export function messageLockLost(): ServiceBusError {
  return new ServiceBusError(
    CONDITION.messageLockLost,
    'The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue, or was received by a different receiver instance.',
  );
}

export function sessionLockLost(session: string): ServiceBusError {
  return new ServiceBusError(
    CONDITION.sessionLockLost,
    `The session lock has expired on the MessageSession '${session}'. Accept a new MessageSession.`,
  );
}

/** Something the emulator knows of and does not do. */
export function unsupported(what: string): ServiceBusError {
  return new ServiceBusError(CONDITION.notImplemented, `${what} is not supported by the Service Bus emulator`);
}

/** The refusal of a message, in the words of the real service. */
export function messageTooLarge(size: number, limit: number, id = 0): ServiceBusError {
  return new ServiceBusError(
    CONDITION.messageSizeExceeded,
    `The received message (delivery-id:${id}, size:${size} bytes) exceeds the limit (${limit} bytes) currently allowed on the link.`,
  );
}
