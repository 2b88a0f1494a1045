// Remembers when each timer ran and should run next, so that a run missed while the host was down is noticed.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '../errors.ts';

/** What is known of a timer; times in ms since the epoch. */
export interface TimerStatus {
  /** undefined until the first run. */
  readonly last: number | undefined;
  readonly next: number;
  readonly lastUpdated: number;
}

/** Where the status of timers is kept; the real host uses a blob per function. */
export interface TimerStatusStore {
  read(functionName: string): Promise<TimerStatus | undefined>;
  write(functionName: string, status: TimerStatus): Promise<void>;
}

/** Kept as long as the object: missed runs are noticed over restarts of the host within one process. */
export function memoryTimerStatus(): TimerStatusStore {
  const statuses = new Map<string, TimerStatus>();
  return {
    read: async (name) => statuses.get(name),
    write: async (name, status) => {
      statuses.set(name, status);
    },
  };
}

/** Kept in a JSON file per function, below `folder`. */
export function fileTimerStatus(folder: string): TimerStatusStore {
  const fileOf = (name: string): string => path.join(folder, `${encodeURIComponent(name)}.timer.json`);
  return {
    async read(name) {
      let text: string;
      try {
        text = await readFile(fileOf(name), 'utf8');
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      }
      const { last, next, lastUpdated }: Record<string, unknown> = JSON.parse(text);
      if (typeof next !== 'number' || typeof lastUpdated !== 'number')
        throw new Error(`${fileOf(name)} is damaged; delete it.`);
      return { last: typeof last === 'number' ? last : undefined, next, lastUpdated };
    },
    async write(name, status) {
      await mkdir(folder, { recursive: true });
      // Renaming replaces the file in one step: a crash leaves the old one or the new one.
      const temporary = `${fileOf(name)}.${process.pid}.tmp`;
      await writeFile(temporary, JSON.stringify(status));
      await rename(temporary, fileOf(name));
    },
  };
}
