// Decides which shards of a feed a replica may read, takes and gives back: pure functions of what the table of shards says.

/** A shard as all replicas see it. */
export interface ShardState {
  readonly id: string;
  readonly parents: readonly string[];
  /** Everything of it has been handled. */
  readonly ended: boolean;
  /** The replica that reads it, if any. */
  readonly owner: string | undefined;
}

/** What a replica should do now. */
export interface Assignment {
  /** Shards to take, the most wanted first. */
  readonly take: readonly string[];
  /** Shards of its own to give back once their page is handled. */
  readonly release: readonly string[];
}

export interface AssignmentInput {
  readonly shards: readonly ShardState[];
  /** Replicas that are alive, this one among them, in any order. */
  readonly alive: readonly string[];
  readonly me: string;
  /** Shards that a replica reads at most. */
  readonly most: number;
}

/** The shards that may be read: not ended, and every parent that is still known has been. A shard never overtakes the one it came out of. */
export function readable<S extends ShardState>(shards: readonly S[]): S[] {
  const open = new Set(shards.filter(({ ended }) => !ended).map(({ id }) => id));
  return shards.filter(({ id, parents }) => open.has(id) && !parents.some((parent) => open.has(parent)));
}

/**
 * Spreads the readable shards evenly. A replica never takes a shard from one that is alive: the one that has too many gives back, so that a
 * page under way is finished and its records are not handled twice. Of several replicas that want the same shard, the write in the
 * table decides.
 */
export function assign({ shards, alive, me, most }: AssignmentInput): Assignment {
  const living = new Set(alive);
  const all = readable(shards);
  const free = all.filter(({ owner }) => owner === undefined || !living.has(owner)).map(({ id }) => id);
  const held = new Map([...living].map((replica) => [replica, 0]));
  for (const { owner } of all)
    if (owner !== undefined && living.has(owner)) held.set(owner, (held.get(owner) ?? 0) + 1);
  const mine = held.get(me) ?? 0;
  const floor = Math.min(most, Math.floor(all.length / living.size));
  const ceiling = Math.min(most, Math.ceil(all.length / living.size));
  const missing = [...held].reduce(
    (sum, [replica, count]) => sum + (replica === me ? 0 : Math.max(0, floor - count)),
    0,
  );

  // What is left over after each replica has its fair share goes to whichever comes first, one each.
  const spare = free.length - Math.max(0, floor - mine) - missing > 0 ? 1 : 0;
  const wanted = Math.max(0, Math.min(ceiling, Math.max(mine, floor) + spare) - mine);
  if (wanted > 0 && free.length > 0) {
    // Replicas that begin at different places seldom want the same shard.
    const place = [...living].sort().indexOf(me);
    const first = Math.floor((place * free.length) / living.size);
    return { take: [...free.slice(first), ...free.slice(0, first)].slice(0, wanted), release: [] };
  }
  const own = all.filter(({ owner }) => owner === me).map(({ id }) => id);
  if (mine > ceiling) return { take: [], release: own.slice(ceiling) };
  // With as many as the others at most, but some replica has none of its fair share, and nothing is free: the first of the richest gives one.
  const richest = [...held].filter(([, count]) => count > floor).sort(([a], [b]) => (a < b ? -1 : 1))[0]?.[0];
  return { take: [], release: missing > 0 && free.length === 0 && richest === me ? own.slice(-1) : [] };
}

/** Ended shards that nothing needs any more: the feed does not name them, and no open shard came out of them. */
export function forgettable(shards: readonly ShardState[], named: readonly string[]): readonly string[] {
  const needed = new Set([...named, ...shards.filter(({ ended }) => !ended).flatMap(({ parents }) => parents)]);
  return shards.filter(({ id, ended }) => ended && !needed.has(id)).map(({ id }) => id);
}
