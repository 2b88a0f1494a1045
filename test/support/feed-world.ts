// A world of replicas that share one feed, on a clock of its own: they start, stop, crash at a chosen call, and stand still for a while.
import { MemoryFeed, type MemoryFeedKind } from '../../adapters/memory/memory-feed.ts';
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { FeedReplica, type FeedTimes } from '../../core/feed/feed-replica.ts';
import type { ChangeOutcome, ChangeRecord } from '../../core/ports/change-stream.ts';
import { type Clock, type EpochMs, epochMs } from '../../core/ports/clock.ts';
import { PortError } from '../../core/ports/errors.ts';
import { isJsonObject } from '../../core/ports/json.ts';
import type { Store } from '../../core/ports/store.ts';
import { START } from './fake-clock.ts';
import { RecordingLog } from './recording-log.ts';

/** Shorter than the real ones, in the same proportions. */
export const WORLD_TIMES = {
  roundMs: 1000,
  deadMs: 5000,
  silentMs: 2500,
  discoverMs: 8000,
  idleMs: 700,
  firstRetryMs: 200,
  lastRetryMs: 2000,
} as const;

/** A process stops at one of its calls to store, feed or handler: before it has an effect, or after it. */
export interface Crash {
  readonly call: number;
  readonly when: 'before' | 'after';
}

interface Sleeper {
  readonly until: number;
  readonly order: number;
  readonly wake: () => void;
}

/** The clock of the world: the next sleeper wakes when nothing else can go on. */
class WorldClock implements Clock {
  #now: number = START;
  #order = 0;
  #sleepers: Sleeper[] = [];

  now(): EpochMs {
    return epochMs(this.#now);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => {
      this.#order += 1;
      this.#sleepers.push({ until: this.#now + milliseconds, order: this.#order, wake });
    });
  }

  /** Moves to the next instant at which something happens, `until` at the latest; false once that is reached. */
  async step(until: number): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    const next = this.#sleepers.sort((a, b) => a.until - b.until || a.order - b.order)[0];
    if (next === undefined || next.until > until) {
      this.#now = Math.max(this.#now, until);
      return false;
    }
    this.#sleepers.shift();
    this.#now = Math.max(this.#now, next.until);
    next.wake();
    return true;
  }
}

/** One process with a replica in it. */
export class FeedProcess {
  readonly replica: FeedReplica;
  calls = 0;
  dead = false;
  /** Its store does not answer. */
  cutOff = false;
  /** How long its store takes for each answer, in milliseconds. */
  latencyMs = 0;
  /** What waits while the process stands still. */
  stalled: (() => void)[] | undefined;

  constructor(world: FeedWorld, name: string, crash?: Crash) {
    const gated = async <T>(call: () => Promise<T>, usesStore = false): Promise<T> => {
      await this.#gate(crash, 'before');
      if (usesStore && this.latencyMs > 0) await world.clock.sleep(this.latencyMs);
      if (usesStore && this.cutOff) throw new PortError('unavailable', 'The store is away.');
      const result = await call().then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      await this.#gate(crash, 'after');
      if ('error' in result) throw result.error;
      return result.value;
    };
    const gate = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (_, key) => {
          const member: unknown = Reflect.get(target, key);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) =>
            gated(() => Reflect.apply(member, target, args) as Promise<unknown>, target === world.state);
        },
      });
    this.replica = new FeedReplica({
      source: gate(world.feed),
      state: gate<Store>(world.state),
      partition: 'feed|test',
      handler: (records) => gated(() => world.handle(name, records)),
      replica: name,
      clock: world.clock,
      log: world.log,
      times: { ...WORLD_TIMES, ...world.times },
    });
    this.replica.start();
  }

  /** Ends without a word. */
  kill(): void {
    this.dead = true;
  }

  /** Stands still with its next call, as a process that is not scheduled, until it is woken. */
  stall(): void {
    this.stalled = [];
  }

  wake(): void {
    const waiting = this.stalled ?? [];
    this.stalled = undefined;
    for (const go of waiting) go();
  }

  async #gate(crash: Crash | undefined, when: Crash['when']): Promise<void> {
    if (when === 'before') this.calls += 1;
    if (crash?.when === when && crash.call === this.calls) this.dead = true;
    await Promise.resolve();
    const { stalled } = this;
    if (stalled !== undefined) await new Promise<void>((resolve) => stalled.push(resolve));
    if (this.dead) await new Promise<never>(() => undefined);
  }
}

export class FeedWorld {
  readonly clock = new WorldClock();
  readonly feed: MemoryFeed;
  readonly state: MemoryStore;
  readonly processes = new Map<string, FeedProcess>();
  readonly log = new RecordingLog();
  /** What went wrong, in words; empty if all promises held. */
  readonly broken: string[] = [];
  readonly #events: MemoryStore;
  readonly #written = new Map<string, number>();
  readonly #handled = new Map<string, number>();
  readonly #positions = new Map<string, { term: number; position: number }>();
  /** Who handled something, and when. */
  readonly handling: { readonly name: string; readonly at: number }[] = [];
  /** Decides what the handler answers; all is done unless it says otherwise. */
  answer: (records: readonly ChangeRecord[]) => ChangeOutcome = () => ({ status: 'done' });

  readonly times: Partial<FeedTimes>;

  constructor(kind: MemoryFeedKind, { shards = 2, pageRecords = 3, times = {} as Partial<FeedTimes> } = {}) {
    this.times = times;
    this.feed = new MemoryFeed({ kind, shards, pageRecords });
    this.#events = new MemoryStore({ clock: this.clock, onChange: this.feed.onChange });
    this.state = new MemoryStore({ clock: this.clock, onChange: (record) => this.#watchTable(record) });
  }

  start(name: string, crash?: Crash): FeedProcess {
    const process = new FeedProcess(this, name, crash);
    this.processes.set(name, process);
    return process;
  }

  /** Writes the next version of each item: its body is its number. */
  async write(...items: readonly string[]): Promise<void> {
    for (const item of items) {
      const next = (this.#written.get(item) ?? 0) + 1;
      this.#written.set(item, next);
      await this.#events.put({ partition: item, id: 'item', body: next }, 'any');
    }
  }

  /** Lets the world go on for so long. */
  async run(milliseconds: number): Promise<void> {
    const until = this.clock.now() + milliseconds;
    while (await this.clock.step(until));
  }

  /** Lets it go on until everything written has been handled; notes what has not been after so long. */
  async settle(milliseconds = 60_000): Promise<void> {
    const until = this.clock.now() + milliseconds;
    while (this.#missing().length > 0 && (await this.clock.step(until)));
    this.broken.push(...this.#missing().map((item) => `${item} was not handled to its end`));
  }

  async handle(name: string, records: readonly ChangeRecord[]): Promise<ChangeOutcome> {
    this.handling.push({ name, at: this.clock.now() });
    const outcome = this.answer(records);
    const done = outcome.status === 'done' ? records : records.slice(0, outcome.failedAt);
    for (const { partition, body } of done) {
      const before = this.#handled.get(partition) ?? 0;
      const number = Number(body);
      // A repetition is allowed, a gap or a step over an earlier one is not.
      if (number > before + 1) this.broken.push(`${name} handled ${partition} ${number} after ${before}`);
      this.#handled.set(partition, Math.max(before, number));
    }
    return outcome;
  }

  #missing(): string[] {
    return [...this.#written].filter(([item, count]) => this.#handled.get(item) !== count).map(([item]) => item);
  }

  /** No write to the table goes back: neither a position nor a term. */
  #watchTable({ id, body }: ChangeRecord): void {
    if (!id.startsWith('shard:') || !isJsonObject(body)) return;
    const now = { term: Number(body.term), position: Number(body.position ?? 0) };
    const before = this.#positions.get(id);
    if (before !== undefined && (now.term < before.term || now.position < before.position))
      this.broken.push(`${id} went back from ${JSON.stringify(before)} to ${JSON.stringify(now)}`);
    this.#positions.set(id, now);
  }
}
