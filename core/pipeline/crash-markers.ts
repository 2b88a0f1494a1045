// Crash markers: documents in the cell's store that mark redelivered messages in progress, so that the one that kills its process is found.

import { statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint } from '../events/cloud-event.ts';
import type { DeliveredMessage } from '../ports/bus.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import { type Key, STORE_LIMITS, type Store, type StoredDocument } from '../ports/store.ts';

/** Notes nobody came back to expire; far beyond any visibility timeout. */
const NOTE_LIFE_MS = 24 * 60 * 60 * 1000;

/** A message that was in work when a process ended, or whose note was left behind. */
export interface Suspect {
  /** The message; more than one where the bus delivered copies of it in one batch. */
  readonly messages: readonly [DeliveredMessage, ...DeliveredMessage[]];
  /** How often a process ended while it had only this message in work. */
  readonly crashes: number;
  readonly note: StoredDocument;
}

/**
 * A process that dies takes no notes, so they are taken before: each redelivered message is noted, and the note removed when
 * the process has survived it. Whoever finds an earlier note knows that a process did not live to remove it, and handles those
 * messages one at a time, the least suspected first.
 */
export interface CrashMarkers {
  /** Notes the messages; tells those without an earlier note from the suspects, least suspected first. */
  mark(
    consumer: string,
    messages: readonly DeliveredMessage[],
  ): Promise<{ clear: DeliveredMessage[]; suspects: Suspect[] }>;
  /** Notes that the suspect is now in work alone. Rejects with `conflict` if another process has it in work. */
  attempt(suspect: Suspect): Promise<void>;
  /** Removes the notes. */
  clear(consumer: string, messages: readonly DeliveredMessage[]): Promise<void>;
}

/** Returns the notes of all consumers of a cell. All methods reject with the store's error. */
export function crashMarkers(state: Store, clock: Clock): CrashMarkers {
  const keyOf = (consumer: string, message: DeliveredMessage): Key => ({
    partition: statePartition.trials(consumer),
    id: fingerprint(JSON.stringify(eventKey(message.tenant, message.event))),
  });
  const expiresAt = () => epochMs(clock.now() + NOTE_LIFE_MS);

  return {
    async mark(consumer, messages) {
      const copies = new Map<string, [DeliveredMessage, ...DeliveredMessage[]]>();
      for (const message of messages) {
        const { id } = keyOf(consumer, message);
        const known = copies.get(id);
        if (known === undefined) copies.set(id, [message]);
        else known.push(message);
      }
      const unique = [...copies.values()];
      const outcomes = await state.append(
        unique.map(([message]) => ({ ...keyOf(consumer, message), body: { crashes: 0 }, expiresAt: expiresAt() })),
      );
      const clear: DeliveredMessage[] = [];
      const suspects: Suspect[] = [];
      for (const [index, outcome] of outcomes.entries()) {
        const same = unique[index];
        if (same === undefined) continue;
        if (outcome.status === 'failed') throw outcome.error;
        const note = outcome.status === 'duplicate' ? await state.get(keyOf(consumer, same[0])) : undefined;
        if (note === undefined) clear.push(...same);
        else suspects.push({ messages: same, note, crashes: isJsonObject(note.body) ? Number(note.body.crashes) : 0 });
      }
      return { clear, suspects: suspects.sort((a, b) => a.crashes - b.crashes) };
    },

    async attempt({ note, crashes }) {
      await state.put(
        { partition: note.partition, id: note.id, body: { crashes: crashes + 1 }, expiresAt: expiresAt() },
        note.version,
      );
    },

    async clear(consumer, messages) {
      const ids = [...new Set(messages.map((message) => keyOf(consumer, message).id))];
      for (let from = 0; from < ids.length; from += STORE_LIMITS.transactionWrites) {
        const writes = ids
          .slice(from, from + STORE_LIMITS.transactionWrites)
          .map((id) => ({ kind: 'delete', id, expected: 'any' }) as const);
        await state.transact(statePartition.trials(consumer), writes);
      }
    },
  };
}
