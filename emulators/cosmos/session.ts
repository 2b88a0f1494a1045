// Session tokens: the position in each range that a client has seen, and the refusal to answer from before it.
import { badRequest, sessionNotAvailable } from './errors.ts';
import type { PartitionRange } from './store/range.ts';

/** Version of the tokens; constant, because the number of regions never changes. */
const VERSION = '-1';

/** The token of some ranges, as the service writes it: `rangeId:version#lsn`, separated by commas. */
export function sessionToken(ranges: readonly PartitionRange[]): string {
  return ranges.map((range) => `${range.id}:${VERSION}#${range.lsn}`).join(',');
}

/** Refuses a request whose token is malformed (400) or ahead of what the ranges hold (404/1002). */
export function checkSession(token: string | undefined, ranges: readonly PartitionRange[]): void {
  if (token === undefined || token === '') return;
  const seen = new Map<string, number>();
  for (const part of token.split(',')) {
    const match = /^([^:]+):(-?\d+#)?(-?\d+)(#\d+=-?\d+)*$/.exec(part.trim());
    if (match === null) throw badRequest(`The session token '${token.slice(0, 200)}' is invalid.`);
    seen.set(match[1] ?? '', Number(match[3]));
  }
  for (const range of ranges) {
    // After a split the client still knows the parent's position, which its children continue.
    for (const id of [range.id, ...range.parents]) {
      const lsn = seen.get(id);
      if (lsn === undefined) continue;
      if (lsn > range.lsn) throw sessionNotAvailable();
      break;
    }
  }
}
