// One replica of a change stream's readers: shows that it is alive, takes its fair share of the shards, and reads them.
import { pauseAfter } from '../lib/retry.ts';
import type { ChangeHandler } from '../ports/change-stream.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError } from '../ports/errors.ts';
import type { FeedShard, FeedSource } from '../ports/feed.ts';
import type { Log } from '../ports/log.ts';
import type { Store, Version } from '../ports/store.ts';
import { assign, forgettable, readable } from './lineage.ts';
import { ShardReader } from './shard-reader.ts';
import { type ReplicaRow, type ShardRow, ShardTable } from './shard-table.ts';

/** Times and bounds of a replica; durations in milliseconds. */
export const FEED_LIMITS = {
  /** Between two signs of life, and two looks at the table. */
  roundMs: 2000,
  /** A replica that gave no sign for so long, by the clock of the one that watches, is dead: its shards are free. */
  deadMs: 15_000,
  /** A replica that could give no sign for so long begins to handle nothing more: well before others take it for dead. */
  silentMs: 7500,
  /** Between two questions for new shards. */
  discoverMs: 30_000,
  idleMs: 500,
  firstRetryMs: 500,
  lastRetryMs: 30_000,
  /** Shards that a replica reads at once, a page of each in memory. */
  shards: 32,
} as const;

/** The times of a replica, which a test may shorten. */
export type FeedTimes = { readonly [K in keyof typeof FEED_LIMITS]: number };

export interface FeedReplicaDeps {
  readonly source: FeedSource;
  /** The state collection, and the partition of it that all replicas of this feed share. */
  readonly state: Store;
  readonly partition: string;
  readonly handler: ChangeHandler;
  /** Distinguishes this replica from all others, earlier ones of the same machine included. */
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly times?: Partial<FeedTimes>;
}

/** How a replica is, for its process's health. */
export interface FeedHealth {
  /** When its latest sign of life was stored, or undefined before the first one. */
  readonly aliveAt: number | undefined;
  readonly shards: readonly string[];
}

export class FeedReplica {
  readonly #deps: FeedReplicaDeps;
  readonly #times: FeedTimes;
  readonly #table: ShardTable;
  readonly #readers = new Map<string, { readonly reader: ShardReader; readonly done: Promise<void> }>();
  /** Since when each replica has shown the same sign of life, by this replica's own clock: clocks are never compared. */
  readonly #seen = new Map<string, { readonly version: Version; readonly since: number }>();
  #aliveAt: number | undefined;
  #discoverAt = 0;
  #running: Promise<void> | undefined;
  #stopping = false;
  /** What waits for the next round, or the next sign of life. */
  readonly #waiting = new Set<() => void>();
  /** Whether some shards have no replica that could read them. */
  #isShort = false;

  constructor(deps: FeedReplicaDeps) {
    this.#deps = deps;
    this.#times = { ...FEED_LIMITS, ...deps.times };
    this.#table = new ShardTable(deps.state, deps.partition, deps.clock);
  }

  get health(): FeedHealth {
    return { aliveAt: this.#aliveAt, shards: [...this.#readers.keys()] };
  }

  /** Begins, in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends in order: pages under way are finished and recorded, all shards given back, and the others know at once. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ring();
    await this.#running;
    await this.#stopReaders();
    await this.#table.leave(this.#deps.replica).catch((error: unknown) => {
      this.#deps.log.warn('a replica could not say that it ends; it is taken for dead later', describeError(error));
    });
  }

  /** Signs of life have a loop of their own: sharing out many shards takes a slow store long, and must not look like death. */
  async #run(): Promise<void> {
    await Promise.all([
      this.#repeat('this replica cannot show that it is alive', () => this.#beat()),
      this.#repeat('the shards of the change stream cannot be shared out now', () => this.#round()),
    ]);
  }

  async #repeat(failing: string, work: () => Promise<void>): Promise<void> {
    const { roundMs, firstRetryMs } = this.#times;
    let failures = 0;
    while (!this.#stopping) {
      try {
        await work();
        failures = 0;
      } catch (error) {
        failures += 1;
        // Once an outage, and not at every try.
        if (failures === 1) this.#deps.log.warn(failing, describeError(error));
      }
      if (this.#stopping) return;
      const pause = failures === 0 ? roundMs : pauseAfter(Math.min(failures, 20), firstRetryMs, roundMs);
      let wake: () => void = () => undefined;
      const rung = new Promise<void>((resolve) => {
        wake = resolve;
      });
      this.#waiting.add(wake);
      await Promise.race([this.#deps.clock.sleep(pause), rung]);
      this.#waiting.delete(wake);
    }
  }

  async #beat(): Promise<void> {
    const now = this.#deps.clock.now();
    const isFirst = this.#aliveAt === undefined;
    await this.#table.beat(this.#deps.replica);
    this.#aliveAt = now;
    if (isFirst) this.#ring();
  }

  #ring(): void {
    for (const wake of this.#waiting) wake();
  }

  async #round(): Promise<void> {
    const { clock } = this.#deps;
    // A replica that is not known to be alive would lose at once what it takes.
    if (!this.#mayWork()) return;
    const { shards, replicas } = await this.#table.list();
    const { alive, dead } = this.#living(replicas);
    // A replica that crashes again and again leaves a row each time.
    for (const row of dead) await this.#table.bury(row);
    if (clock.now() < this.#discoverAt) return this.#share(shards, alive);
    await this.#discover(shards);
    this.#discoverAt = clock.now() + this.#times.discoverMs;
    return this.#share((await this.#table.list()).shards, alive);
  }

  /** Adds the shards that are new, and forgets those that are done with. */
  async #discover(rows: readonly ShardRow[]): Promise<void> {
    const known = new Map(rows.map((row) => [row.id, row]));
    const named = await this.#deps.source.shards([...known.keys()]);
    for (const shard of parentsFirst(named)) if (!known.has(shard.id)) await this.#table.add(shard);
    for (const id of forgettable(
      rows,
      named.map((shard) => shard.id),
    )) {
      const row = known.get(id);
      if (row !== undefined) await this.#table.forget(row);
    }
  }

  async #share(rows: readonly ShardRow[], alive: readonly string[]): Promise<void> {
    const { replica, log } = this.#deps;
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (const [id, { reader }] of this.#readers) {
      const row = byId.get(id);
      // Taken over meanwhile: the reader finds out with its next record, and should do nothing more until then.
      if (row?.owner !== replica || row.term !== reader.term) reader.stop();
    }
    const most = alive.length * this.#times.shards;
    const count = readable(rows).length;
    if (count > most && !this.#isShort)
      log.error('the change stream has more shards than its replicas read: add replicas', {
        shards: count,
        read: most,
      });
    this.#isShort = count > most;
    const { take, release } = assign({ shards: rows, alive, me: replica, most: this.#times.shards });
    for (const id of release) this.#readers.get(id)?.reader.stop();
    for (const id of take) {
      const row = byId.get(id);
      if (row === undefined || this.#readers.has(id) || this.#stopping) continue;
      const taken = await this.#table.take(row, replica);
      if (taken === undefined) continue;
      log.info('took a shard of the change stream', { shard: id, term: taken.term, replicas: alive.length });
      this.#read(taken);
    }
    // Rows that name this replica without a reader: what became of taking them was not known.
    for (const row of rows)
      if (row.owner === replica && !row.ended && !this.#readers.has(row.id) && !this.#stopping) {
        const taken = await this.#table.take(row, replica);
        if (taken !== undefined) this.#read(taken);
      }
  }

  #read(row: ShardRow): void {
    const { source, handler, clock, log } = this.#deps;
    const reader = new ShardReader(
      {
        source,
        table: this.#table,
        handler,
        clock,
        log,
        times: this.#times,
        mayWork: () => this.#mayWork(),
      },
      row,
    );
    const done = reader.run().then((outcome) => {
      this.#readers.delete(row.id);
      if (outcome === 'lost') log.warn('another replica has taken a shard over', { shard: row.id, term: row.term });
      // Its children may be new, and can be read from now on.
      if (outcome === 'ended') this.#discoverAt = 0;
      this.#ring();
    });
    this.#readers.set(row.id, { reader, done });
  }

  /** Whether the others still take this replica for alive, as far as it can know. A clock that was set back says nothing. */
  #mayWork(): boolean {
    const silence = this.#deps.clock.now() - (this.#aliveAt ?? Number.NEGATIVE_INFINITY);
    return silence >= 0 && silence < this.#times.silentMs;
  }

  #living(rows: readonly ReplicaRow[]): { alive: readonly string[]; dead: readonly ReplicaRow[] } {
    const now = this.#deps.clock.now();
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    for (const { id, version } of rows)
      if (this.#seen.get(id)?.version !== version) this.#seen.set(id, { version, since: now });
    const { replica } = this.#deps;
    const others = rows.filter(({ id }) => id !== replica);
    const isDead = ({ id }: ReplicaRow) => now - (this.#seen.get(id)?.since ?? now) >= this.#times.deadMs;
    return {
      alive: [replica, ...others.filter((row) => !isDead(row)).map(({ id }) => id)],
      dead: others.filter(isDead),
    };
  }

  async #stopReaders(): Promise<void> {
    const readers = [...this.#readers.values()];
    for (const { reader } of readers) reader.stop();
    await Promise.all(readers.map(({ done }) => done));
  }
}

/** A shard that is added before its parent would look as if it had none. */
function parentsFirst(shards: readonly FeedShard[]): readonly FeedShard[] {
  const named = new Map(shards.map((shard) => [shard.id, shard]));
  const ordered = new Map<string, FeedShard>();
  const add = (shard: FeedShard): void => {
    if (ordered.has(shard.id)) return;
    named.delete(shard.id);
    for (const parent of shard.parents) {
      const before = named.get(parent);
      if (before !== undefined) add(before);
    }
    ordered.set(shard.id, shard);
  };
  for (const shard of shards) add(shard);
  return [...ordered.values()];
}
