// Rebuilds a namespace from its journal, and writes one into a new journal.
import { type MessageContent, parseMessage } from '../amqp/message.ts';
import type { Journal } from '../broker/journal.ts';
import { type MessageOrigin, type MessageState, StoredMessage } from '../broker/message.ts';
import type { Namespace } from '../broker/namespace.ts';
import type { MessageStore } from '../broker/store.ts';
import { describeEntity, entityPath, restoreEntity } from './descriptions.ts';
import { RECORD, type SnapshotJournal } from './file-journal.ts';
import type { JournalRecord } from './records.ts';

/**
 * Applies the records of a journal to an empty namespace. The answer is how many messages cannot be put back because a record that
 * they need is missing.
 */
export function recover(namespace: Namespace, records: readonly JournalRecord[]): number {
  let left = 0;
  namespace.withoutChecks(() => {
    left = apply(namespace, records);
  });
  return left;
}

function apply(namespace: Namespace, records: readonly JournalRecord[]): number {
  let left = 0;
  const contents = new Map<string, MessageContent>();
  for (const { header, bytes } of records) {
    const [kind, first, ...rest] = header;
    const name = String(first);
    switch (kind) {
      case RECORD.content:
        contents.set(name, parseMessage(bytes));
        break;
      case RECORD.entity:
        restoreEntity(namespace, name, rest[0]);
        break;
      case RECORD.duplicates:
        for (const [id, at] of rest[0] as [string, number][]) namespace.find(name)?.duplicates.restore(id, at);
        break;
      default: {
        const store = namespace.storeAt(name);
        const applied = store !== undefined && applyToStore(namespace, store, String(kind), rest, bytes, contents);
        if (!applied && kind === RECORD.message) left++;
      }
    }
  }
  return left;
}

/** Whether there was all that the record needs. */
function applyToStore(
  namespace: Namespace,
  store: MessageStore,
  kind: string,
  fields: readonly unknown[],
  bytes: Buffer,
  contents: ReadonlyMap<string, MessageContent>,
): boolean {
  switch (kind) {
    case RECORD.message: {
      const content = contents.get(String(fields[0]));
      if (content === undefined) return false;
      const message = readMessage(content, fields.slice(1));
      store.restore(message);
      noteRestored(namespace, store, message);
      return true;
    }
    case RECORD.change: {
      const [contentId, sequenceNumber, deliveryCount, state] = fields;
      const message = store.messages.get(Number(sequenceNumber));
      const content = contents.get(String(contentId));
      if (message !== undefined && content !== undefined)
        store.restoreChange(message, content, Number(deliveryCount), state as MessageState);
      return true;
    }
    case RECORD.removal: {
      const message = store.messages.get(Number(fields[0]));
      if (message !== undefined) store.remove(message);
      return true;
    }
    case RECORD.session: {
      const [session, present] = fields;
      if (store.sessions !== undefined)
        store.sessions.record(String(session)).state = present === true ? Buffer.from(bytes) : undefined;
      return true;
    }
    case RECORD.counter:
      store.lastSequenceNumber = Math.max(store.lastSequenceNumber, Number(fields[0]));
      return true;
    default:
      throw new Error(`The journal has a record of the unknown kind '${kind}'; it was written by another version.`);
  }
}

function readMessage(content: MessageContent, fields: readonly unknown[]): StoredMessage {
  const [sequence, enqueued, time, deliveryCount, state, scheduledFor, expiresAt, ttlMs, wasScheduled, hops, source] =
    fields;
  const origin: MessageOrigin = {
    enqueuedSequenceNumber: Number(enqueued),
    enqueuedTime: Number(time),
    deliveryCount: Number(deliveryCount),
    state: state as MessageState,
    scheduledFor: typeof scheduledFor === 'number' ? scheduledFor : undefined,
    expiresAt: typeof expiresAt === 'number' ? expiresAt : Number.POSITIVE_INFINITY,
    ttlMs: typeof ttlMs === 'number' ? ttlMs : undefined,
    wasScheduled: wasScheduled === true,
    hops: Number(hops),
    deadLetterSource: typeof source === 'string' ? source : undefined,
  };
  return new StoredMessage(content, Number(sequence), Number(time), origin);
}

/** What else follows from a message being there: a topic's counter, and the ids that count as seen. */
function noteRestored(namespace: Namespace, store: MessageStore, message: StoredMessage): void {
  const [owner = ''] = store.path.split(/\/(?:Subscriptions\/|\$)/);
  const entity = namespace.find(owner);
  if (entity?.kind === 'topic')
    entity.scheduled.lastSequenceNumber = Math.max(entity.scheduled.lastSequenceNumber, message.enqueuedSequenceNumber);
  if (entity?.settings.requiresDuplicateDetection)
    entity.duplicates.restore(message.content.messageId, message.enqueuedTime);
}

/** Writes everything that a namespace holds. */
export function writeSnapshot(namespace: Namespace, journal: Journal & SnapshotJournal): void {
  for (const entity of namespace.all()) journal.entity(entityPath(entity), describeEntity(entity));
  for (const store of namespace.stores()) {
    journal.counter(store.path, store.lastSequenceNumber);
    for (const message of store.inOrder()) journal.stored(store.path, message);
    for (const { id, state } of store.sessions?.records.values() ?? [])
      if (state !== undefined) journal.sessionState(store.path, id, state);
  }
  for (const entity of [...namespace.list('queue'), ...namespace.list('topic')]) {
    const entries = [...entity.duplicates.entries()];
    if (entries.length > 0) journal.duplicates(entity.name, entries);
  }
}
