// The change feed: latest versions, or all versions and deletes, by range, partition key or part of a range.
import { feedCharge } from '../charge.ts';
import { badRequest } from '../errors.ts';
import { checkSession } from '../session.ts';
import { firstAfter, isCurrent, type PartitionRange, type VersionEntry } from '../store/range.ts';
import { type Exchange, header, pageSize, type Reply } from './exchange.ts';
import { dataHeaders, openContainer } from './items.ts';
import { type Addressed, addressed, refuseUnknownFeed } from './query.ts';
import type { Services } from './services.ts';

interface Start {
  /** Only changes after this LSN. */
  readonly lsn: number;
  /** Only changes after this instant (ms), when no LSN is known yet. */
  readonly after: number | undefined;
  readonly fromBeginning: boolean;
}

interface Page {
  readonly rows: string[];
  /** LSN up to which everything has been looked at. */
  readonly lsn: number;
}

/** `GET .../docs` with an `A-IM` header. */
export function changeFeed(services: Services, exchange: Exchange): Reply {
  const container = openContainer(services, exchange);
  const mode = header(exchange, 'a-im') ?? '';
  const scope = addressed(exchange, container);
  const [range, ...others] = scope.ranges;
  if (range === undefined || others.length > 0) {
    throw badRequest('A change feed request must name a partition key or a partition key range.');
  }
  checkSession(header(exchange, 'x-ms-session-token'), [range]);
  const start = startOf(exchange, range);
  const limit = pageSize(exchange);
  let page: Page;
  if (/^Incremental feed$/i.test(mode)) page = latestVersions(scope, range, start, limit);
  else if (/^Full-Fidelity feed$/i.test(mode)) page = allVersions(scope, range, start, limit);
  else return refuseUnknownFeed(mode);
  const headers = dataHeaders(exchange, container, [range]);
  // The position is sent even when nothing is new: the SDK stores it from the 304.
  headers.etag = `"${page.lsn}"`;
  headers['x-ms-item-count'] = String(page.rows.length);
  if (page.rows.length === 0) return { status: 304, body: '', headers, charge: 1 };
  const documents = page.rows.join(',');
  const body = `{"_rid":"${container.rid}","Documents":[${documents}],"_count":${page.rows.length}}`;
  return { status: 200, body, headers, charge: feedCharge(documents.length) };
}

/** Where to start. A continuation wins over a time, which the SDK keeps sending next to it. */
function startOf(exchange: Exchange, range: PartitionRange): Start {
  const match = header(exchange, 'if-none-match');
  const since = header(exchange, 'if-modified-since');
  if (match !== undefined && match !== '*') {
    const lsn = /^"?(\d+)"?$/.exec(match)?.[1];
    if (lsn === undefined) throw badRequest(`The change feed position ${match} is invalid.`);
    return { lsn: Number(lsn), after: undefined, fromBeginning: false };
  }
  if (since !== undefined) {
    const after = Date.parse(since);
    if (Number.isNaN(after)) throw badRequest(`The value '${since}' of If-Modified-Since is not a date.`);
    return { lsn: 0, after, fromBeginning: false };
  }
  if (match === '*') return { lsn: range.lsn, after: undefined, fromBeginning: false };
  return { lsn: 0, after: undefined, fromBeginning: true };
}

/** Whether a change of a whole second is after an instant. */
const isAfter = (ts: number, after: number | undefined): boolean => after === undefined || ts * 1000 > after;

/** Each live document once, at the position of its last write. */
function latestVersions(scope: Addressed, range: PartitionRange, start: Start, limit: number): Page {
  const rows: string[] = [];
  let lsn = start.lsn;
  for (let at = range.indexAfter(start.lsn); at < range.log.length; at++) {
    const entry = range.log[at];
    if (entry === undefined) break;
    // A page ends only between LSNs: the writes of one transaction come together.
    if (rows.length >= limit && entry.lsn !== lsn) return { rows, lsn };
    lsn = entry.lsn;
    if (!isCurrent(entry) || !isAfter(entry.item.state.ts, start.after) || !visible(scope, entry.item.partition))
      continue;
    rows.push(`${entry.item.state.text.slice(0, -1)},"_lsn":${entry.lsn}}`);
  }
  return { rows, lsn: Math.max(range.lsn, start.lsn) };
}

/** Every write and deletion in order, as far back as the history goes. */
function allVersions(scope: Addressed, range: PartitionRange, start: Start, limit: number): Page {
  if (start.fromBeginning || start.lsn < range.historyFrom || start.after !== undefined) {
    throw badRequest('You must read the change feed from within the retention period.');
  }
  const rows: string[] = [];
  let lsn = start.lsn;
  for (let at = firstAfter(range.history, start.lsn); at < range.history.length; at++) {
    const version = range.history[at];
    if (version === undefined) break;
    if (rows.length >= limit && version.lsn !== lsn) return { rows, lsn };
    lsn = version.lsn;
    if (visible(scope, version.partition)) rows.push(versionText(version));
  }
  return { rows, lsn: Math.max(range.lsn, start.lsn) };
}

/** Keys rather than partitions are compared: a partition emptied in between is another object. */
function visible(scope: Addressed, partition: VersionEntry['partition']): boolean {
  if (scope.single !== undefined) return scope.key === partition.keyText;
  return scope.covers(partition.epk);
}

function versionText(version: VersionEntry): string {
  const { lsn, ts, kind, current, previous, previousLsn, expired, id, partition } = version;
  const metadata = JSON.stringify({
    lsn,
    crts: ts,
    operationType: kind,
    ...(kind === 'create' ? {} : { previousImageLSN: previousLsn }),
    ...(kind === 'delete'
      ? { timeToLiveExpired: expired, id, partitionKey: partition.key.map((part) => part ?? {}) }
      : {}),
  });
  const before = previous === undefined ? '' : `"previous":${previous},`;
  return `{"current":${current ?? '{}'},${before}"metadata":${metadata}}`;
}
