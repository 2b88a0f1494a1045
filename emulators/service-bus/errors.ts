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

/** A refusal that is reported to the client; anything else thrown is a defect of the emulator. */
export class ServiceBusError extends Error {
  override name = 'ServiceBusError';
  readonly condition: Condition | (string & {});

  constructor(condition: Condition | (string & {}), message: string) {
    super(message);
    this.condition = condition;
  }

  /** The status code for `$management` and the administration API. */
  get status(): number {
    return STATUS[this.condition as Condition] ?? 400;
  }
}

/** What went wrong, as an error a client can be told; defects become `amqp:internal-error`. */
export function asServiceBusError(error: unknown): ServiceBusError {
  if (error instanceof ServiceBusError) return error;
  return new ServiceBusError(CONDITION.internalError, error instanceof Error ? error.message : String(error));
}

/** The SDK recognises a missing entity by this exact wording. */
export function entityNotFound(path: string): ServiceBusError {
  return new ServiceBusError(
    CONDITION.notFound,
    `The messaging entity 'sb://127.0.0.1/${path}' could not be found. To know more visit https://aka.ms/sbResourceMgrExceptions.`,
  );
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
