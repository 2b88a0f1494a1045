// The feed port: a change stream that its readers pull, shard by shard, in place of a platform that pushes batches.
import type { ChangeRecord } from './change-stream.ts';

/** A part of a feed, whose records are in order. */
export interface FeedShard {
  /** 1 to 500 bytes; the same for every reader, and never used for another shard. */
  readonly id: string;
  /** The shards that it came out of, where the feed still names them: nothing of it may be handled before all of them are read to their end. */
  readonly parents: readonly string[];
}

/** Where a shard goes on that came out of one which was read to its end. */
export interface FeedChild {
  readonly id: string;
  /** `undefined`: at its beginning. */
  readonly position: string | undefined;
}

/** What one reading brought. */
export interface FeedPage {
  /** In commit order for each item; none, if there is nothing new. */
  readonly records: readonly ChangeRecord[];
  /**
   * Where to go on once they are handled. `ended`: the shard has no more records; its children are those that are named here and those which
   * `shards` names with it as a parent.
   */
  readonly next: { readonly position: string | undefined } | { readonly ended: readonly FeedChild[] };
}

/** The limits of a feed. */
export const FEED_PORT_LIMITS = {
  /** Records of a page. Cosmos DB gives the writes of one transaction together, up to 100 more. */
  pageRecords: 200,
  /** Shards that a feed may have at once, ended ones that it still names included. */
  shards: 2000,
} as const;

/** Every method rejects with a `PortError`: `not-found` for a missing table or container, retryable codes for what may work later. */
export interface FeedSource {
  /**
   * Shards that can be read, ended ones included for as long as the feed keeps their records. `known` are those that a reader knows of already:
   * a feed that names children only where their parent ends leaves out what these cover. Reading each one from its beginning, and
   * the children that end pages name, brings every record that the feed still keeps. Rejects with `too-large` beyond `shards`.
   */
  shards(known: readonly string[]): Promise<readonly FeedShard[]>;

  /**
   * One page of a shard, from a position that an earlier page gave, to this reader or to another one, or from its beginning. Reading from the
   * same position again brings the same records, or later versions of their items, and skips none. Does not wait for new records.
   */
  read(shard: string, position: string | undefined): Promise<FeedPage>;
}
