// One order of all things: a queue of what happens when, and clocks of components that read it, each with its own error.
import { type EpochMs, epochMs } from '../../core/ports/clock.ts';
import { FakeClock, START } from '../support/fake-clock.ts';

interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Lets everything that is ready run: nothing here leaves the thread, so that three turns are enough. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class Scheduler {
  #queue: Due[] = [];
  #order = 0;
  now = START;

  at(instant: number, run: () => void): void {
    const due = { at: Math.max(instant, this.now), order: this.#order++, run };
    // Most of what is added is soon due: look from the end, where the soonest are.
    let index = this.#queue.length;
    while (index > 0 && (this.#queue[index - 1] as Due).at <= due.at) index -= 1;
    this.#queue.splice(index, 0, due);
  }

  after(milliseconds: number, run: () => void): void {
    this.at(this.now + milliseconds, run);
  }

  /** Runs all that is due up to an instant, one thing at a time, each with what follows from it. */
  async runUntil(instant: number, afterEach: () => void): Promise<void> {
    for (let next = this.#queue.at(-1); next !== undefined && next.at <= instant; next = this.#queue.at(-1)) {
      this.#queue.pop();
      this.now = next.at;
      next.run();
      await settle();
      afterEach();
    }
    this.now = instant;
  }
}

/** The clock of one component: it may be wrong, and the component may be stopped for a while. */
export class ComponentClock extends FakeClock {
  readonly #scheduler: Scheduler;
  skewMs = 0;
  stoppedUntil = 0;

  constructor(scheduler: Scheduler) {
    super();
    this.#scheduler = scheduler;
  }

  override now(): EpochMs {
    return epochMs(this.#scheduler.now + this.skewMs);
  }

  override sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.wake(milliseconds, resolve));
  }

  /** Runs something after a while, and not while the component is stopped. */
  wake(milliseconds: number, run: () => void): void {
    this.#scheduler.after(milliseconds, () => {
      if (this.#scheduler.now < this.stoppedUntil) this.#scheduler.at(this.stoppedUntil, run);
      else run();
    });
  }
}
