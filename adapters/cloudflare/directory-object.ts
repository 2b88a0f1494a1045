// The Durable Object of the directory: the directory's methods, and an alarm that publishes to the route cache.

import type { Directory } from '../../core/edge/ports/directory.ts';
import type { DirectoryStorage } from '../../core/edge/ports/directory-storage.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { answer, type DirectoryStub } from './durable-object-directory.ts';
import type { ObjectStorage } from './platform.ts';

export interface DirectoryObjectDeps {
  readonly directory: Directory;
  readonly records: Pick<DirectoryStorage, 'unpublished'>;
  /** Publishes a batch; resolves with the time until the next run. */
  readonly publish: () => Promise<{ readonly nextInMs: number | null }>;
  readonly storage: Pick<ObjectStorage, 'getAlarm' | 'setAlarm'>;
  readonly clock: Pick<Clock, 'now'>;
}

export interface DirectoryObjectMethods extends DirectoryStub {
  alarm(): Promise<void>;
}

/** Returns the methods. A change is acknowledged without waiting for the route cache, on which nothing must depend. */
export function directoryObject({
  directory,
  records,
  publish,
  storage,
  clock,
}: DirectoryObjectDeps): DirectoryObjectMethods {
  const wakeIn = async (milliseconds: number): Promise<void> => {
    const at = clock.now() + milliseconds;
    const set = await storage.getAlarm();
    if (set === null || set > at) await storage.setAlarm(at);
  };

  /** Whether an alarm is known to be set for records that an earlier instance of the object left unpublished. */
  let isAwake = false;
  const wake = async (): Promise<void> => {
    if (isAwake) return;
    if (records.unpublished(1).length > 0) await wakeIn(0);
    isAwake = true;
  };

  return {
    lookup: async (tenant) => {
      await wake();
      return answer(directory.lookup(tenant));
    },
    cells: () => answer(directory.cells()),
    tenants: (query) => answer(directory.tenants(query)),
    audit: (query) => answer(directory.audit(query)),
    lease: (request) => answer(directory.lease(request)),
    change: async (command, intent) => {
      const result = await answer(directory.change(command, intent));
      if ('value' in result && result.value.status === 'applied') await wakeIn(0);
      return result;
    },
    alarm: async () => {
      const { nextInMs } = await publish();
      if (nextInMs !== null) await wakeIn(nextInMs);
    },
  };
}
