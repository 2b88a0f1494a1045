// Those who take the messages of one store as they come, and whose turn it is.
import type { StoredMessage } from './message.ts';
import type { HeldSession } from './sessions.ts';

/** Someone who takes messages as they come. */
export interface Consumer {
  /** Whether it can take one now. */
  readonly ready: boolean;
  /** Messages are removed as they are handed out. */
  readonly destructive: boolean;
  /** Takes only the messages of this session. */
  readonly session: HeldSession | undefined;
  deliver(message: StoredMessage): void;
}

/** Consumers that take turns. */
export class Consumers {
  private readonly all: Consumer[] = [];
  private turn = 0;

  get count(): number {
    return this.all.length;
  }

  /** The consumers that hold a session. */
  *inSessions(): Generator<{ readonly consumer: Consumer; readonly session: HeldSession }> {
    for (const consumer of this.all) {
      const { session } = consumer;
      if (session !== undefined && !session.over) yield { consumer, session };
    }
  }

  add(consumer: Consumer): void {
    this.all.push(consumer);
  }

  remove(consumer: Consumer): void {
    const index = this.all.indexOf(consumer);
    if (index >= 0) this.all.splice(index, 1);
  }

  /** The next one, in turn, that can take a message. */
  nextReady(): Consumer | undefined {
    for (let tried = 0; tried < this.all.length; tried++) {
      this.turn = (this.turn + 1) % this.all.length;
      const consumer = this.all[this.turn];
      if (consumer?.ready) return consumer;
    }
    return undefined;
  }
}
