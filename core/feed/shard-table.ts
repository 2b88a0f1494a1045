// The table of a feed's shards and of the replicas that read it, in the cell's store: every change is conditional, so of two replicas one wins.

import { type Clock, epochMs } from '../ports/clock.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import { FEED_PORT_LIMITS, type FeedChild, type FeedShard } from '../ports/feed.ts';
import { isJsonObject, type Json } from '../ports/json.ts';
import { STORE_LIMITS, type Store, type StoreCursor, type StoredDocument, type Version } from '../ports/store.ts';
import type { ShardState } from './lineage.ts';

/** A shard as it is stored. */
export interface ShardRow extends ShardState {
  /** Everything before it has been handled; `undefined`: nothing has. */
  readonly position: string | undefined;
  /** How often the shard has been taken: a replica whose term is over is refused. */
  readonly term: number;
  readonly version: Version;
}

/** A replica, known by the version of its latest sign of life. */
export interface ReplicaRow {
  readonly id: string;
  readonly version: Version;
}

/** The limits of the table. */
export const TABLE_LIMITS = {
  /** Rows of replicas, of dead ones too: with more of them nothing is shared out. */
  replicas: 1000,
  /** Replicas that ended without a word, and that no other one has buried, are forgotten after this time, in milliseconds. */
  replicaMs: 10 * 60_000,
  /** Children that a shard may end with: a transaction has room for them and for the shard itself. */
  children: STORE_LIMITS.transactionWrites - 1,
} as const;

const SHARD = 'shard:';
const REPLICA = 'replica:';

/** The part of a row that is stored. */
const bodyOf = ({ parents, ended, owner, position, term }: Omit<ShardRow, 'id' | 'version'>): Json => ({
  parents: [...parents],
  ended,
  owner: owner ?? null,
  position: position ?? null,
  term,
});

const fresh = (parents: readonly string[], position: string | undefined) =>
  bodyOf({ parents, ended: false, owner: undefined, position, term: 0 });

export class ShardTable {
  readonly #state: Store;
  readonly #partition: string;
  readonly #clock: Clock;

  /** @param partition of the state collection, for this feed alone */
  constructor(state: Store, partition: string, clock: Clock) {
    this.#state = state;
    this.#partition = partition;
    this.#clock = clock;
  }

  /** All rows. Rejects with `too-large` if there are more than a feed and its replicas may have. */
  async list(): Promise<{ shards: ShardRow[]; replicas: ReplicaRow[] }> {
    const shards: ShardRow[] = [];
    const replicas: ReplicaRow[] = [];
    let cursor: StoreCursor | undefined;
    do {
      const page = await this.#state.query(this.#partition, { limit: 1000, ...(cursor !== undefined && { cursor }) });
      for (const document of page.items) {
        if (document.id.startsWith(SHARD)) shards.push(toShard(document));
        else replicas.push({ id: document.id.slice(REPLICA.length), version: document.version });
      }
      // Ended shards are kept beside those that came out of them.
      if (shards.length > 2 * FEED_PORT_LIMITS.shards || replicas.length > TABLE_LIMITS.replicas)
        throw new PortError('too-large', `The feed has ${shards.length} shards and ${replicas.length} replicas.`);
      cursor = page.next;
    } while (cursor !== undefined);
    return { shards, replicas };
  }

  /** Shows that a replica is alive. */
  async beat(replica: string): Promise<void> {
    const expiresAt = epochMs(this.#clock.now() + TABLE_LIMITS.replicaMs);
    await this.#state.put({ ...this.#key(REPLICA, replica), body: {}, expiresAt }, 'any');
  }

  /** A replica ends in order: what it still holds is free at once. */
  async leave(replica: string): Promise<void> {
    await this.#state.delete(this.#key(REPLICA, replica), 'any');
  }

  /** Removes the row of a replica that is taken for dead, unless it has shown a sign of life meanwhile. */
  async bury({ id, version }: ReplicaRow): Promise<void> {
    await this.#unlessThere(() => this.#state.delete(this.#key(REPLICA, id), version));
  }

  /** Adds a shard that the feed names, unless it is there. */
  async add({ id, parents }: FeedShard): Promise<void> {
    await this.#unlessThere(() =>
      this.#state.put({ ...this.#key(SHARD, id), body: fresh(parents, undefined) }, 'absent'),
    );
  }

  /** Takes a shard for a new term; `undefined` if another replica was first. */
  take(row: ShardRow, replica: string): Promise<ShardRow | undefined> {
    return this.#change(row, { ...row, owner: replica, term: row.term + 1 });
  }

  /** Records how far a shard has been handled; `undefined` if this replica's term is over. */
  checkpoint(row: ShardRow, position: string | undefined): Promise<ShardRow | undefined> {
    return this.#change(row, { ...row, position });
  }

  /** Gives a shard back; `undefined` if the term was over already. */
  release(row: ShardRow): Promise<ShardRow | undefined> {
    return this.#change(row, { ...row, owner: undefined });
  }

  /**
   * The shard has been read to its end: in one step it is marked, and its children are added with their positions. Returns false if this
   * replica's term is over.
   */
  async end(row: ShardRow, children: readonly FeedChild[]): Promise<boolean> {
    if (children.length > TABLE_LIMITS.children)
      throw new PortError('too-large', `The shard ${row.id} ends with ${children.length} children.`);
    let missing = children;
    let current = row;
    for (let tries = 0; tries <= children.length + 1; tries += 1) {
      try {
        await this.#state.transact(this.#partition, [
          {
            kind: 'put',
            id: SHARD + row.id,
            body: bodyOf({ ...row, ended: true, owner: undefined }),
            expected: current.version,
          },
          ...missing.map(({ id, position }) => ({
            kind: 'put' as const,
            id: SHARD + id,
            body: fresh([row.id], position),
            expected: 'absent' as const,
          })),
        ]);
        return true;
      } catch (error) {
        if (!isPortError(error, 'conflict') && !isPortError(error, 'unknown-outcome')) throw error;
        const there = await this.#read(row.id);
        if (there?.ended === true && there.term === row.term) return true;
        if (there === undefined || there.term !== row.term) return false;
        current = there;
        const known = new Set((await this.list()).shards.map(({ id }) => id));
        missing = missing.filter(({ id }) => !known.has(id));
      }
    }
    throw new PortError('unavailable', `The end of shard ${row.id} could not be written.`);
  }

  /** Removes an ended shard, unless it has changed. */
  async forget(row: ShardRow): Promise<void> {
    await this.#unlessThere(() => this.#state.delete(this.#key(SHARD, row.id), row.version));
  }

  /** A conditional write. One whose answer was lost may have happened: the term says whose it was. */
  async #change(row: ShardRow, next: ShardRow): Promise<ShardRow | undefined> {
    const document = { ...this.#key(SHARD, row.id), body: bodyOf(next) };
    try {
      return { ...next, version: await this.#state.put(document, row.version) };
    } catch (error) {
      if (!isPortError(error, 'conflict') && !isPortError(error, 'unknown-outcome')) throw error;
      const there = await this.#read(row.id);
      const happened = there !== undefined && JSON.stringify(bodyOf(there)) === JSON.stringify(bodyOf(next));
      if (happened) return there;
      if (isPortError(error, 'conflict') || there?.version !== row.version) return undefined;
      throw error;
    }
  }

  async #read(shard: string): Promise<ShardRow | undefined> {
    const document = await this.#state.get(this.#key(SHARD, shard));
    return document && toShard(document);
  }

  async #unlessThere(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isPortError(error, 'conflict')) throw error;
    }
  }

  #key(kind: string, id: string) {
    return { partition: this.#partition, id: kind + id };
  }
}

function toShard({ id, body, version }: StoredDocument): ShardRow {
  const { parents, ended, owner, position, term } = isJsonObject(body) ? body : {};
  if (!Array.isArray(parents) || typeof term !== 'number')
    throw new PortError('misconfigured', `${id} is no row of the table of shards.`);
  return {
    id: id.slice(SHARD.length),
    parents: parents.map(String),
    ended: ended === true,
    owner: typeof owner === 'string' ? owner : undefined,
    position: typeof position === 'string' ? position : undefined,
    term,
    version,
  };
}
