// The `$management` operations: peek, renewals, scheduling, deferred messages, sessions and rules.
import {
  type Encodable,
  encodable,
  int,
  list,
  longArray,
  map,
  timestamp,
  timestampArray,
  uuid,
} from '../amqp/encode.ts';
import { entry, items, numberOr, text, Uuid, type Value } from '../amqp/values.ts';
import type { Queue, Topic } from '../broker/entities.ts';
import { lockKey, lockToken, type StoredMessage } from '../broker/message.ts';
import type { Namespace } from '../broker/namespace.ts';
import type { Receivable } from '../broker/receivable.ts';
import type { SessionTable } from '../broker/sessions.ts';
import type { MessageStore, Properties } from '../broker/store.ts';
import { CONDITION, forwarding, ServiceBusError, unsupported } from '../errors.ts';
import { type Call, noContent, ok } from './management-call.ts';
import type { Request, Response } from './request-response.ts';
import { addRule, enumerateRules, removeRule } from './rule-operations.ts';

const PREFIX = 'com.microsoft:';
/** Dates from here on stand for .NET's largest one. */
const END_OF_TIME = Date.UTC(9999, 11, 31);

/** Serves one request to `<address>/$management`. */
export function manage(namespace: Namespace, address: string, request: Request): Response {
  const operation = text(request.application.get('operation')) ?? '';
  const serve = OPERATIONS.get(operation);
  if (serve === undefined) throw unsupported(`The $management operation '${operation}'`);
  return serve({ namespace, address, target: namespace.resolve(address), body: request.body });
}

const OPERATIONS = new Map<string, (call: Call) => Response>([
  [`${PREFIX}peek-message`, peek],
  [`${PREFIX}renew-lock`, renewLocks],
  [`${PREFIX}schedule-message`, schedule],
  [`${PREFIX}cancel-scheduled-message`, cancelScheduled],
  [`${PREFIX}receive-by-sequence-number`, receiveDeferred],
  [`${PREFIX}update-disposition`, updateDisposition],
  [`${PREFIX}renew-session-lock`, renewSession],
  [`${PREFIX}get-session-state`, getSessionState],
  [`${PREFIX}set-session-state`, setSessionState],
  [`${PREFIX}get-message-sessions`, listSessions],
  [`${PREFIX}batch-delete-messages`, deleteBatch],
  [`${PREFIX}add-rule`, addRule],
  [`${PREFIX}remove-rule`, removeRule],
  [`${PREFIX}enumerate-rules`, enumerateRules],
]);

function storeOf({ target, address }: Call): MessageStore {
  if (target.kind === 'store') return browsed(target.receivable, target.store);
  if (target.kind === 'queue') {
    const { receivable } = target.entity as Queue;
    return browsed(receivable, receivable.store);
  }
  throw new ServiceBusError(
    CONDITION.notAllowed,
    `'${address}' is a topic; this operation needs a queue or subscription.`,
  );
}

function browsed(receivable: Receivable, store: MessageStore): MessageStore {
  if (receivable.forwards(store)) throw forwarding('browser');
  return store;
}

function entityOf({ target, address }: Call): Queue | Topic {
  if (target.kind !== 'store') {
    if (target.entity.kind === 'queue') browsed(target.entity.receivable, target.entity.receivable.store);
    return target.entity;
  }
  throw new ServiceBusError(CONDITION.notAllowed, `Messages cannot be scheduled on '${address}'.`);
}

function sessionsOf(call: Call): SessionTable {
  const { sessions } = storeOf(call);
  if (sessions === undefined)
    throw new ServiceBusError(CONDITION.notAllowed, `The entity '${call.address}' does not require sessions.`);
  return sessions;
}

function requiredText(body: Value, key: string): string {
  const value = text(entry(body, key));
  if (value === undefined) throw new ServiceBusError(CONDITION.argumentError, `The request lacks '${key}'.`);
  return value;
}

function sequenceNumbers(body: Value): number[] {
  return items(entry(body, 'sequence-numbers')).map(Number);
}

function lockKeys(body: Value): string[] {
  return items(entry(body, 'lock-tokens')).map((token) => {
    if (token instanceof Uuid) return lockKey(token);
    throw new ServiceBusError(CONDITION.argumentError, 'A lock token is not a uuid.');
  });
}

function messageNotFound(numbers: readonly number[]): ServiceBusError {
  return new ServiceBusError(
    CONDITION.messageNotFound,
    `Failed to lock one or more specified messages. The message does not exist (sequence numbers ${numbers.join(', ')}).`,
  );
}

function peek(call: Call): Response {
  const { body, namespace } = call;
  const from = Number(entry(body, 'from-sequence-number') ?? 0);
  const count = Math.min(numberOr(entry(body, 'message-count'), 1), namespace.limits.peekCount);
  const omitBody = entry(body, 'omit-message-body') === true;
  const messages = storeOf(call).peek(from, count, text(entry(body, 'session-id')));
  if (messages.length === 0) return noContent();
  return ok(map([['messages', list(messages.map((message) => map([['message', message.encode(omitBody)]])))]]));
}

function renewLocks(call: Call): Response {
  const store = storeOf(call);
  return ok(map([['expirations', timestampArray(lockKeys(call.body).map((key) => store.renew(key)))]]));
}

function schedule(call: Call): Response {
  const { namespace, body } = call;
  const entity = entityOf(call);
  const contents = items(entry(body, 'messages')).map((item) => {
    const bytes = entry(item, 'message');
    if (!Buffer.isBuffer(bytes)) throw new ServiceBusError(CONDITION.argumentError, 'A message to schedule is empty.');
    return namespace.parse(entity, bytes);
  });
  for (const content of contents) entity.check(content);
  return ok(map([['sequence-numbers', longArray(contents.map((content) => entity.schedule(content)))]]));
}

function cancelScheduled(call: Call): Response {
  const entity = entityOf(call);
  const store = entity.kind === 'queue' ? entity.receivable.store : entity.scheduled;
  const wanted = sequenceNumbers(call.body);
  const found = wanted.flatMap((number) => {
    const message = store.messages.get(number);
    return message?.state === 'scheduled' ? [message] : [];
  });
  if (found.length < wanted.length) throw messageNotFound(wanted);
  for (const message of found) store.remove(message);
  return ok();
}

function receiveDeferred(call: Call): Response {
  const store = storeOf(call);
  const wanted = sequenceNumbers(call.body);
  const session = text(entry(call.body, 'session-id'));
  const held = session === undefined ? undefined : sessionsOf(call).requireHeld(session);
  const found = wanted.flatMap((number) => {
    const message = store.messages.get(number);
    const free = message?.state === 'deferred' && message.lock === undefined;
    return free && (session === undefined || message.content.sessionId === session) ? [message] : [];
  });
  if (found.length < wanted.length) throw messageNotFound(wanted);
  const destructive = numberOr(entry(call.body, 'receiver-settle-mode'), 1) === 0;
  const messages = found.map((message) => {
    if (destructive) {
      const bytes = message.encode();
      store.remove(message);
      return map([['message', bytes]]);
    }
    const lock = store.lock(message, held);
    return map([
      ['message', message.encode()],
      ['lock-token', uuid(lockToken(lock))],
    ]);
  });
  return ok(map([['messages', list(messages)]]));
}

function updateDisposition(call: Call): Response {
  const { body } = call;
  const store = storeOf(call);
  const status = requiredText(body, 'disposition-status');
  const settle = SETTLEMENTS.get(status);
  if (settle === undefined) throw unsupported(`The disposition status '${status}'`);
  const messages = lockKeys(body).map((key) => store.locked(key));
  const properties = propertiesToModify(entry(body, 'properties-to-modify'));
  for (const message of messages) settle(store, message, properties, body);
  return ok();
}

type Settle = (store: MessageStore, message: StoredMessage, properties: Properties, body: Value) => void;

const SETTLEMENTS = new Map<string, Settle>([
  ['completed', (store, message) => store.complete(message)],
  ['abandoned', (store, message, properties) => store.abandon(message, properties)],
  // The protocol spells it so.
  ['defered', (store, message, properties) => store.defer(message, properties)],
  [
    'suspended',
    (store, message, properties, body) => {
      if (store.owner.deadLetter === undefined)
        throw new ServiceBusError(
          CONDITION.notAllowed,
          'A message in a dead-letter queue cannot be dead-lettered again.',
        );
      const reason = text(entry(body, 'deadletter-reason'));
      const description = text(entry(body, 'deadletter-description'));
      store.deadLetter(message, { reason, description, properties });
    },
  ],
]);

/** Values come decoded here; their types are the ones that JavaScript would choose. */
function propertiesToModify(value: Value | undefined): Properties {
  const properties = new Map<string, Encodable>();
  if (value instanceof Map) for (const [name, item] of value) properties.set(String(name), encodable(item));
  return properties;
}

function renewSession(call: Call): Response {
  sessionsOf(call);
  const until = storeOf(call).renewSession(requiredText(call.body, 'session-id'));
  return ok(map([['expiration', timestamp(until)]]));
}

function getSessionState(call: Call): Response {
  const state = sessionsOf(call).records.get(requiredText(call.body, 'session-id'))?.state;
  return ok(map([['session-state', state ?? null]]));
}

function setSessionState(call: Call): Response {
  const store = storeOf(call);
  const id = requiredText(call.body, 'session-id');
  const record = sessionsOf(call).record(id);
  const state = entry(call.body, 'session-state');
  record.state = Buffer.isBuffer(state) ? Buffer.from(state) : undefined;
  record.updatedAt = call.namespace.clock.now();
  store.owner.journal.sessionState(store.path, id, record.state);
  return ok();
}

/**
 * With a date: the sessions whose state changed since then. With the end of time, which is how libraries ask for it, or a
 * date in the past: those that have messages as well.
 */
function listSessions(call: Call): Response {
  const { body, namespace } = call;
  const since = entry(body, 'last-updated-time');
  const after = since instanceof Date ? since.getTime() : Number.NEGATIVE_INFINITY;
  const withMessages = after <= namespace.clock.now() || after >= END_OF_TIME;
  const skip = numberOr(entry(body, 'skip'), 0);
  const top = numberOr(entry(body, 'top'), 100);
  const all = [...sessionsOf(call).records.values()].filter(
    (record) => (record.updatedAt > 0 && record.updatedAt >= after) || (withMessages && record.next() !== undefined),
  );
  const page = all.slice(skip, skip + top).map((record) => record.id);
  if (page.length === 0) return noContent();
  return ok(
    map([
      ['skip', int(skip + page.length)],
      ['sessions-ids', list(page)],
    ]),
  );
}

function deleteBatch(call: Call): Response {
  const store = storeOf(call);
  const before = entry(call.body, 'enqueued-time-utc');
  const limit = before instanceof Date ? before.getTime() : Number.POSITIVE_INFINITY;
  const count = numberOr(entry(call.body, 'message-count'), 1);
  const chosen: StoredMessage[] = [];
  for (const message of store.inOrder()) {
    if (chosen.length >= count) break;
    if (message.lock === undefined && message.state !== 'scheduled' && message.enqueuedTime <= limit)
      chosen.push(message);
  }
  for (const message of chosen) store.remove(message);
  return ok(map([['message-count', int(chosen.length)]]));
}
