// The emulator's time: real time plus what tests have advanced it by, with timers that follow it.
import { MinHeap } from './heap.ts';

/** Node's timers hold at most this many milliseconds. */
const LONGEST_TIMEOUT = 0x7fff_ffff;

interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Stops a timer that has not run yet. */
export type Cancel = () => void;

/**
 * Time for locks, expiry and schedules. It follows the wall clock, shifted by every `advance`; with `frozenAt` it stands
 * still and moves by `advance` alone.
 */
export class EmulatorClock {
  private readonly timers = new MinHeap<Timer>((timer) => timer.at);
  private readonly frozen: boolean;
  private current: number;
  private offset = 0;
  private stepping = false;
  private disposed = false;
  private order = 0;
  private wake: { readonly at: number; readonly handle: NodeJS.Timeout } | undefined;

  constructor({ frozenAt }: { readonly frozenAt?: number } = {}) {
    this.frozen = frozenAt !== undefined;
    this.current = frozenAt ?? 0;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.frozen || this.stepping ? this.current : Date.now() + this.offset;
  }

  /** Runs a function once the time has come; at the earliest in a later turn of the event loop. */
  schedule(at: number, run: () => void): Cancel {
    const timer: Timer = { at, order: this.order++, run };
    this.timers.push(timer);
    this.arm();
    return () => {
      timer.run = undefined;
    };
  }

  /** Moves time forward. Timers that fall due run in order, each at its own time. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`the clock cannot be advanced by ${ms} ms`);
    this.current = this.now();
    const target = this.current + ms;
    this.stepping = true;
    try {
      for (let next = this.timers.peek(); next !== undefined && next.at <= target; next = this.timers.peek()) {
        this.current = Math.max(next.at, this.current);
        this.timers.pop();
        next.run?.();
      }
    } finally {
      this.current = target;
      this.offset += ms;
      this.stepping = false;
      this.arm();
    }
  }

  /** Stops all timers; later ones never run. */
  dispose(): void {
    this.disposed = true;
    this.timers.clear();
    if (this.wake !== undefined) clearTimeout(this.wake.handle);
    this.wake = undefined;
  }

  private arm(): void {
    if (this.frozen || this.stepping || this.disposed) return;
    const next = this.timers.peek();
    if (next === undefined || (this.wake !== undefined && this.wake.at <= next.at)) return;
    if (this.wake !== undefined) clearTimeout(this.wake.handle);
    const delay = Math.min(Math.max(next.at - this.now(), 0), LONGEST_TIMEOUT);
    const handle = setTimeout(() => this.fire(), delay);
    this.wake = { at: next.at, handle };
  }

  private fire(): void {
    this.wake = undefined;
    for (let next = this.timers.peek(); next !== undefined && next.at <= this.now(); next = this.timers.peek()) {
      this.timers.pop();
      next.run?.();
    }
    this.arm();
  }
}
