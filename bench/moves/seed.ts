// Fills a cell's log with events as its API stores them, through its store, which takes a tenth of the time of requests.
import { systemClock } from '../../adapters/system/system.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import { mapConcurrently } from '../../core/lib/concurrently.ts';
import { subjectIndex } from '../../core/pipeline/subject-index.ts';
import type { NewDocument, Store } from '../../core/ports/store.ts';
import { reading, recentMinute, TRACEPARENT } from '../kit/events.ts';
import type { MovesCell } from './ground.ts';

/** Events of one append: as many as a batch of either store takes, or nearly. */
const APPEND = 100;
const CONCURRENT = 4;
const ATTEMPTS = 20;
const PAUSE_MS = 1000;
const EVENT_BYTES = 300;
/** Events of one device: some pages of a walk. */
export const EVENTS_OF_DEVICE = 1000;

export interface Seed {
  readonly tenant: string;
  readonly epoch: number;
  readonly events: number;
  readonly progress: (stored: number) => void;
}

export const deviceOf = (number: number): string => `device-${number}`;

/** Stores the events, device by device, and each device in the index of subjects before. */
export async function seedLog({ id, events: log, state }: MovesCell, { tenant, epoch, events, progress }: Seed) {
  const subjects = subjectIndex({ events: log, state });
  // The log is empty as yet: afterwards it would have to be read for it.
  if (!(await subjects.complete()).done) throw new Error(`The log of ${id} is not empty.`);
  const devices = Math.ceil(events / EVENTS_OF_DEVICE);
  const end = recentMinute();
  let stored = 0;
  await mapConcurrently(
    Array.from({ length: devices }, (_, device) => device),
    CONCURRENT,
    async (device) => {
      await subjects.add(tenant, [deviceOf(device)]);
      const count = Math.min(EVENTS_OF_DEVICE, events - device * EVENTS_OF_DEVICE);
      for (let from = 0; from < count; from += APPEND) {
        const documents = Array.from({ length: Math.min(APPEND, count - from) }, (_, index) => {
          const number = from + index;
          const event = reading({
            ...{ id: `seed-${device}-${number}`, device: deviceOf(device), value: number % 40, bytes: EVENT_BYTES },
            time: end - (count - number) * 1000,
          });
          return toLogDocument(tenant, event, { origin: id, epoch, traceparent: TRACEPARENT, at: systemClock.now() });
        });
        await store(log, documents);
        stored += documents.length;
      }
      progress(stored);
    },
  );
}

/** Stores all of them: on a busy machine an emulator may answer too late for a write. */
async function store(log: Store, documents: readonly NewDocument[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const outcomes = await log.append(documents);
    const failed = outcomes.find((outcome) => outcome.status === 'failed');
    if (failed === undefined) return;
    if (attempt === ATTEMPTS) throw failed.error;
    await systemClock.sleep(PAUSE_MS);
  }
}
