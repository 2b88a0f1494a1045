// Crash markers: documents in the cell's store that mark redelivered messages in progress, to identify a message that crashes its process.

import { statePartition } from '../cell/identity.ts';
import { eventKey, fingerprint } from '../events/cloud-event.ts';
import type { DeliveredMessage } from '../ports/bus.ts';
import { type Clock, epochMs } from '../ports/clock.ts';
import { isJsonObject } from '../ports/json.ts';
import { type Key, STORE_LIMITS, type Store, type StoredDocument } from '../ports/store.ts';

/** Abandoned markers expire after this; far beyond any visibility timeout. */
const MARKER_LIFE_MS = 24 * 60 * 60 * 1000;

/** A message that was in progress when a process crashed, or whose marker was left behind. */
export interface Suspect {
  /** The message; more than one where the bus delivered copies of it in one batch. */
  readonly messages: readonly [DeliveredMessage, ...DeliveredMessage[]];
  /** How often a process crashed with only this message in progress. */
  readonly crashes: number;
  readonly marker: StoredDocument;
}

/**
 * A crashing process cannot record anything, so markers are written beforehand: each redelivered message is marked, and the marker
 * removed once the process has survived it. A worker that finds an earlier marker knows that a process crashed before removing it,
 * and handles those messages one at a time, the least suspected first.
 */
export interface CrashMarkers {
  /** Marks the messages; separates those without an earlier marker from the suspects, least suspected first. */
  mark(
    consumer: string,
    messages: readonly DeliveredMessage[],
  ): Promise<{ clear: DeliveredMessage[]; suspects: Suspect[] }>;
  /** Marks the suspect as in progress alone. Rejects with `conflict` if another process is working on it. */
  attempt(suspect: Suspect): Promise<void>;
  /** Removes the markers. */
  clear(consumer: string, messages: readonly DeliveredMessage[]): Promise<void>;
}

/** Returns the crash markers of all consumers of a cell. All methods reject with the store's error. */
export function crashMarkers(state: Store, clock: Clock): CrashMarkers {
  const keyOf = (consumer: string, message: DeliveredMessage): Key => ({
    partition: statePartition.trials(consumer, message.tenant),
    id: fingerprint(JSON.stringify(eventKey(message.tenant, message.event))),
  });
  const expiresAt = () => epochMs(clock.now() + MARKER_LIFE_MS);

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
        const marker = outcome.status === 'duplicate' ? await state.get(keyOf(consumer, same[0])) : undefined;
        if (marker === undefined) clear.push(...same);
        else
          suspects.push({
            messages: same,
            marker,
            crashes: isJsonObject(marker.body) ? Number(marker.body.crashes) : 0,
          });
      }
      return { clear, suspects: suspects.sort((a, b) => a.crashes - b.crashes) };
    },

    async attempt({ marker, crashes }) {
      await state.put(
        { partition: marker.partition, id: marker.id, body: { crashes: crashes + 1 }, expiresAt: expiresAt() },
        marker.version,
      );
    },

    async clear(consumer, messages) {
      const byPartition = new Map<string, Set<string>>();
      for (const message of messages) {
        const { partition, id } = keyOf(consumer, message);
        byPartition.set(partition, (byPartition.get(partition) ?? new Set()).add(id));
      }
      for (const [partition, some] of byPartition) {
        const ids = [...some];
        for (let from = 0; from < ids.length; from += STORE_LIMITS.transactionWrites) {
          const writes = ids
            .slice(from, from + STORE_LIMITS.transactionWrites)
            .map((id) => ({ kind: 'delete', id, expected: 'any' }) as const);
          await state.transact(partition, writes);
        }
      }
    },
  };
}
