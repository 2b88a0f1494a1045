// What is written down so that acknowledged messages outlive the process; without a directory nothing is.
import type { StoredMessage } from './message.ts';

/** Records changes. Calls may be buffered until `flush`, which happens before a client gets a success. */
export interface Journal {
  stored(path: string, message: StoredMessage): void;
  changed(path: string, message: StoredMessage): void;
  removed(path: string, sequenceNumber: number): void;
  sessionState(path: string, session: string, state: Buffer | undefined): void;
  /** An entity was made, changed, or (undefined) deleted. */
  entity(path: string, description: object | undefined): void;
  flush(): void;
  close(): void;
}

/** Keeps nothing. */
export const NO_JOURNAL: Journal = {
  stored() {},
  changed() {},
  removed() {},
  sessionState() {},
  entity() {},
  flush() {},
  close() {},
};
