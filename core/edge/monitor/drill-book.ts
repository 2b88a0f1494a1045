// Keeps the records of the newest drills, each under a key of its own, in the monitor's storage.
import { compareUtf8 } from '../../lib/text.ts';
import type { Clock } from '../../ports/clock.ts';
import { isJsonObject, type Json } from '../../ports/json.ts';
import { DRILL_LIMITS, DRILL_OUTCOMES, type DrillBook, type DrillOutcome, type DrillRecord } from '../ports/drills.ts';
import type { MonitorStorage } from './monitor-storage.ts';

/** Begins the keys; what a later release keeps under them and this one cannot read is left out. */
const KEY = 'drills/';

/** More than are kept, so that what was left over by a removal that failed is found, and removed as well. */
const LISTED = 2 * DRILL_LIMITS.kept;

/** Returns the book. Rejects with the storage's error. */
export function drillBook(storage: Pick<MonitorStorage, 'get' | 'put' | 'delete' | 'list'>, clock: Clock): DrillBook {
  const all = async (): Promise<readonly DrillRecord[]> => {
    const kept = await storage.list<Json>({ prefix: KEY, limit: LISTED });
    return [...kept.values()]
      .flatMap((value) => readRecord(value) ?? [])
      .sort((one, other) => compareUtf8(other.notedAt, one.notedAt) || compareUtf8(one.id, other.id));
  };

  return {
    async noteDrill(drill, actor) {
      const known = readRecord(await storage.get<Json>(KEY + drill.id));
      if (known !== undefined) return known;
      const { id, kind, cell, startedAt, endedAt, outcome, rtoMs, missed } = drill;
      const notedAt = new Date(clock.now()).toISOString();
      const record: DrillRecord = { id, kind, cell, startedAt, endedAt, outcome, rtoMs, missed, actor, notedAt };
      await storage.put(KEY + id, record as unknown as Json);
      // A record that an edge whose clock was ahead has noted sorts before this one.
      const others = (await all()).filter((other) => other.id !== id);
      for (const { id: old } of others.slice(DRILL_LIMITS.kept - 1)) await storage.delete(KEY + old);
      return record;
    },

    drills: async () => (await all()).slice(0, DRILL_LIMITS.kept),
  };
}

/** A record as it is stored; `undefined` for what is none. What only a later release knows of it is left out. */
function readRecord(value: Json | undefined): DrillRecord | undefined {
  if (!isJsonObject(value)) return undefined;
  const { id, kind, cell = null, startedAt, endedAt, outcome, rtoMs = null, missed = [], actor, notedAt } = value;
  const texts = { id, kind, startedAt, endedAt, actor, notedAt };
  const isSound =
    Object.values(texts).every((text) => typeof text === 'string') &&
    (cell === null || typeof cell === 'string') &&
    (rtoMs === null || typeof rtoMs === 'number') &&
    DRILL_OUTCOMES.includes(outcome as DrillOutcome) &&
    Array.isArray(missed) &&
    missed.every((text) => typeof text === 'string');
  return isSound ? ({ ...texts, cell, outcome, rtoMs, missed } as unknown as DrillRecord) : undefined;
}
