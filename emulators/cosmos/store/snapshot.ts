// The state of an account as lines that rebuild it: what the log file starts with after a compaction.
import type { Json, JsonObject } from '../json.ts';
import type { Account } from './account.ts';
import type { Container } from './container.ts';
import { PartitionRange } from './range.ts';

interface RangeRecord {
  readonly id: string;
  readonly min: string;
  readonly max: string;
  readonly parents: readonly string[];
  readonly lsn: number;
  readonly historyFrom: number;
}

/** Lines that only occur in snapshots. */
export type SnapshotLine =
  | { readonly t: 'N'; readonly etags: number; readonly databases: number; readonly containers: number }
  | {
      readonly t: 'R';
      readonly c: string;
      readonly ranges: readonly RangeRecord[];
      readonly gone: readonly RangeRecord[];
      readonly next: number;
      readonly sequence: number;
    }
  | {
      readonly t: 'I';
      readonly c: string;
      readonly k: readonly Json[];
      readonly s: number;
      readonly l: number;
      readonly d: JsonObject;
    };

/** All lines of an account, in an order in which they can be replayed. */
export function* snapshotLines(account: Account): Generator<string> {
  for (const { id, rid, etag, ts, containers } of account.databases.values()) {
    yield JSON.stringify({ t: 'db', id, rid, etag, ts });
    for (const container of containers.values()) {
      const { rid: c, properties, etag: tag, ts: at } = container;
      yield JSON.stringify({ t: 'c', db: rid, rid: c, properties, etag: tag, ts: at, ranges: 1 });
      yield JSON.stringify(rangesOf(container));
      yield* documentLines(container);
    }
  }
  for (const offer of account.offers.values()) yield JSON.stringify({ t: 'o', offer });
  const { etagSerial, databaseSerial, containerSerial } = account;
  yield JSON.stringify({ t: 'N', etags: etagSerial, databases: databaseSerial, containers: containerSerial });
}

function rangesOf(container: Container): SnapshotLine {
  // Past versions are not kept in a snapshot, so the all-versions feed can only be continued from here on.
  const record = ({ id, min, max, parents, lsn }: PartitionRange): RangeRecord => ({
    id,
    min,
    max,
    parents,
    lsn,
    historyFrom: lsn,
  });
  const ranges = container.ranges.map(record);
  const gone = [...container.gone.values()].map(record);
  return { t: 'R', c: container.rid, ranges, gone, next: container.nextRange, sequence: container.sequence };
}

/** Documents in the order of insertion, each with the position of its last write. */
function* documentLines(container: Container): Generator<string> {
  for (const item of container.bySequence) {
    if (!item.live) continue;
    const key = item.partition.key.map((part) => (part === undefined ? {} : part));
    yield `{"t":"I","c":${JSON.stringify(container.rid)},"k":${JSON.stringify(key)},"s":${item.sequence},"l":${item.lsn},"d":${item.state.text}}`;
  }
}

/** Replays one line of a snapshot. */
export function replaySnapshotLine(account: Account, line: SnapshotLine): void {
  if (line.t === 'N') {
    account.etagSerial = Math.max(account.etagSerial, line.etags);
    account.databaseSerial = line.databases;
    account.containerSerial = line.containers;
    finish(account);
    return;
  }
  const container = account.containerByRid(line.c);
  if (container === undefined) return;
  if (line.t === 'R') {
    const rebuild = ({ id, min, max, parents, lsn, historyFrom }: RangeRecord): PartitionRange => {
      const range = new PartitionRange(id, min, max, parents, lsn);
      range.historyFrom = historyFrom;
      return range;
    };
    container.restoreRanges(line.ranges.map(rebuild), line.gone.map(rebuild), line.next);
    container.sequence = line.sequence;
    return;
  }
  const key = line.k.map((part) => (typeof part === 'object' && part !== null ? undefined : part));
  container.restoreItem(key, line.s, line.l, line.d, JSON.stringify(line.d));
}

/** The change log of each range, which the snapshot holds in the order of insertion, goes back into the order of LSNs. */
function finish(account: Account): void {
  for (const { containers } of account.databases.values()) {
    for (const container of containers.values()) {
      for (const range of container.ranges) range.log.sort((a, b) => a.lsn - b.lsn);
    }
  }
}
