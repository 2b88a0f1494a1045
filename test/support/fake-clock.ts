// Clocks for tests: one that stands still until it is advanced, and one on which every pause is over at once.
import { type Clock, type EpochMs, epochMs } from '../../core/ports/clock.ts';

/** 2026-11-21T07:41:03.000Z, the instant at which tests begin unless they say otherwise. */
export const START = 1_795_246_863_000;

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

const nothing = new Uint8Array();

/** Threads that Node computes signatures and hashes on. */
const THREADS = 4;

/** Lets what was handed to other threads before finish: each of them has work behind it now. */
const computed = () => Promise.all(Array.from({ length: THREADS }, () => crypto.subtle.digest('SHA-256', nothing)));

/** Where the set lies: the files that a process runs one after the other share its `crypto`. */
const UNDER_WAY = Symbol.for('polycell: cryptography under way');

const METHODS = [
  'decrypt',
  'deriveBits',
  'digest',
  'encrypt',
  'exportKey',
  'generateKey',
  'importKey',
  'sign',
  'verify',
] as const;

/** What WebCrypto has been asked for and has not answered. */
const underWay = watchedCryptography();

function watchedCryptography(): ReadonlySet<Promise<unknown>> {
  const subtle = crypto.subtle as typeof crypto.subtle & { [UNDER_WAY]?: Set<Promise<unknown>> };
  const known = subtle[UNDER_WAY];
  if (known !== undefined) return known;
  const asked = new Set<Promise<unknown>>();
  for (const name of METHODS) {
    const method = subtle[name] as (...input: unknown[]) => Promise<unknown>;
    const watched = (...input: unknown[]): Promise<unknown> => {
      const answer = method.apply(subtle, input);
      asked.add(answer);
      const answered = () => asked.delete(answer);
      answer.then(answered, answered);
      return answer;
    };
    Object.defineProperty(subtle, name, { value: watched, configurable: true, writable: true });
  }
  Object.defineProperty(subtle, UNDER_WAY, { value: asked });
  return asked;
}

const TURNS = 5;

/**
 * Lets everything that is ready run: promises first, then what was queued behind them, and signatures that are being computed. What other
 * threads do besides, such as compressing, has ended by the first and by the last turn; asking all of them costs more than most of what waits.
 */
export async function settle(): Promise<void> {
  for (let turn = 1; turn <= TURNS; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turn === 1 || turn === TURNS) await computed();
    else await Promise.allSettled(underWay);
  }
}

/** Stands still until `advance` moves it; who sleeps wakes when its instant is reached, in the order of the instants. */
export class FakeClock implements Clock {
  /** Every pause that was asked for, in milliseconds. */
  readonly slept: number[] = [];
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(start: number = START) {
    this.#now = start;
  }

  now(): EpochMs {
    return epochMs(this.#now);
  }

  sleep(milliseconds: number): Promise<void> {
    this.slept.push(milliseconds);
    return new Promise((wake) => {
      this.#sleepers.push({ until: this.#now + milliseconds, wake });
    });
  }

  /** Moves on, waking each sleeper at its own instant and letting it run before the next one wakes. */
  async advance(milliseconds: number): Promise<void> {
    const target = this.#now + milliseconds;
    for (;;) {
      await settle();
      const due = this.#sleepers.filter(({ until }) => until <= target).sort((a, b) => a.until - b.until)[0];
      if (due === undefined) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== due);
      this.#now = Math.max(this.#now, due.until);
      due.wake();
    }
    this.#now = target;
  }

  /** Jumps without ending any wait, as a corrected clock does; may go back. */
  jump(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** Every pause is over at once and moves the clock by as much. */
export class EagerClock extends FakeClock {
  override async sleep(milliseconds: number): Promise<void> {
    this.slept.push(milliseconds);
    this.jump(milliseconds);
  }
}

/** Far enough ahead that no service's own clock takes a document of a test for expired: 2100-01-01T00:00:00Z. */
const FAR_AHEAD = 4_102_444_800_000;

/** An eager clock that can run a callback in the middle of a pause; it starts far ahead of the services' clocks. */
export class HastyClock extends EagerClock {
  #interlude: (() => Promise<unknown>) | undefined;

  constructor() {
    super(FAR_AHEAD);
  }

  /** Does `work` in the next pause: between two tries of an adapter. */
  duringNextSleep(work: () => Promise<unknown>): void {
    this.#interlude = work;
  }

  override async sleep(milliseconds: number): Promise<void> {
    const interlude = this.#interlude;
    this.#interlude = undefined;
    await interlude?.();
    await super.sleep(milliseconds);
    await settle();
  }
}
