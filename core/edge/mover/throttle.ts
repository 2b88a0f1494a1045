// How fast moves may read a cell: a bucket of tokens for each source, of all moves together, halved where the cell's clients would notice.
import { BoundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { countOf, type IngestTimes, longerThan, withinWhich } from '../ports/ingest-times.ts';

export const THROTTLE_LIMITS = {
  /** Events a second that may be sent: at first, at least and at most. At least it is a request or two a second, by which a million events take an hour and a half. */
  start: 2000,
  least: 200,
  most: 20_000,
  /**
   * So many events that are only compared cost a source as much as one that is sent: 70 and 560 µs of processor time, measured when comparisons read documents. With digests they cost less of it, and as
   * much of the store as before.
   */
  comparedForOne: 8,
  /** Added to the rate at a look that finds nothing, if the rate was used. */
  raise: 100,
  /** The rate was used if no less than this share of it was. */
  used: 0.8,
  /** Between two looks at the source, in milliseconds; the rate is halved no more often. */
  lookMs: 5000,
  /** Tokens that wait are at most those of so many milliseconds. */
  burstMs: 3000,
  /** A step takes the tokens of so many milliseconds, so that moves take turns. */
  stepMs: 1000,
  /** Requests that must have been counted before their p99 says anything; a source with fewer is idle. */
  requests: 200,
  /** Looks in a row that must find requests slower: one may by chance. */
  looks: 2,
  /** So much longer than without moves may 99 of 100 requests take. */
  rise: 1.1,
  /** Requests of the last minute are looked at, in milliseconds. */
  windowMs: 60_000,
  /** Routers report late: what is counted so soon after a change may be of before, in milliseconds. */
  settleMs: 4000,
  /** Moves rest for this long at most, to see how long requests take without them, in milliseconds. */
  restMs: 15_000,
  /** What was seen then is seen anew after this time: the load of the source may have become less, in milliseconds. */
  renewMs: 300_000,
  /** A source that was idle is looked at again after this time, in milliseconds. */
  idleMs: 30_000,
  /** Sources that are known. */
  sources: 200,
} as const;

export interface ThrottleDeps {
  /** How long requests that bring events took in a cell, of those that were reported in the last `agoMs`; `null` if that is not known. */
  readonly ingestTimes: (cell: string, agoMs: number) => Promise<IngestTimes | null>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Pick<Log, 'info'>;
}

/** What a step has done with events of a source. */
export interface StepDone {
  /** Those that were read. */
  readonly read: number;
  /** Those of them that were sent, and not only compared. */
  readonly sent: number;
}

/** Some events of a source that may be read now. */
export interface Grant {
  readonly budget: number;
  /** To be called with what was done, and whether a store or the other cell could not take more. */
  end(done: StepDone, throttled: boolean): void;
}

export interface Throttle {
  /** Some events, to be sent or only compared, or how long there are none, in milliseconds. Never rejects. */
  take(source: string, purpose: 'send' | 'compare'): Promise<Grant | number>;
  /** Events a second that may be sent from a source now. */
  rateOf(source: string): number;
}

interface Source {
  rate: number;
  tokens: number;
  filledAt: number;
  /** Tokens since `countedAt`, the last look. */
  used: number;
  countedAt: number;
  lookedAt: number;
  halvedAt: number;
  /** Since when moves rest; `null` while they do not. */
  restingSince: number | null;
  /** When moves went on, or began. */
  movingSince: number;
  /** The p99 without moves, and when it was seen; `null` if it was not, or the source was idle. */
  calm: { readonly p99: number; readonly at: number } | null;
  idleUntil: number;
  /** Looks in a row that have found requests slower. */
  slower: number;
  /** A look that is under way: of moves that ask at the same time one looks. */
  looking: Promise<void> | undefined;
}

/**
 * Whether more than 1 of 100 requests took longer than 99 of 100 may. By chance it is more in every second window: so it counts where it is
 * more by two standard deviations, and one request.
 */
export function isSlower(times: IngestTimes, p99: number): boolean {
  const expected = countOf(times) / 100;
  return longerThan(times, THROTTLE_LIMITS.rise * p99) > expected + 2 * Math.sqrt(expected) + 1;
}

/**
 * Returns the throttle of one mover, kept in memory. The p99 without moves is seen while they rest: before the first event, after each rise,
 * so that one that is due to the load itself slows moves down once and not again, and every `renewMs`.
 */
export function moveThrottle({ ingestTimes, clock, log }: ThrottleDeps): Throttle {
  const sources = new BoundedCache<string, Source>(THROTTLE_LIMITS.sources);

  const sourceOf = (id: string): Source => {
    const now = clock.now();
    const fresh: Source = {
      ...{ rate: THROTTLE_LIMITS.start, tokens: Number.POSITIVE_INFINITY, filledAt: now, used: 0, countedAt: now },
      ...{ lookedAt: Number.NEGATIVE_INFINITY, halvedAt: Number.NEGATIVE_INFINITY, idleUntil: now },
      ...{ restingSince: null, movingSince: now, calm: null, slower: 0, looking: undefined },
    };
    const source = sources.get(id) ?? fresh;
    sources.set(id, source);
    return source;
  };

  const halve = (id: string, source: Source, reason: string): void => {
    const now = clock.now();
    if (now - source.halvedAt < THROTTLE_LIMITS.lookMs) return;
    // A rate that was not used up has not been what was too fast.
    const seconds = Math.max(1, (now - source.countedAt) / 1000);
    const real = source.used === 0 ? source.rate : Math.min(source.rate, source.used / seconds);
    source.rate = Math.max(THROTTLE_LIMITS.least, real / 2);
    source.halvedAt = now;
    log.info('moves were slowed down', { cell: id, eventsPerSecond: Math.round(source.rate), reason });
  };

  const rest = (source: Source): void => {
    source.slower = 0;
    source.restingSince = clock.now();
  };

  const goOn = (source: Source): void => {
    source.restingSince = null;
    source.movingSince = clock.now();
  };

  const raise = (source: Source): void => {
    const seconds = (clock.now() - source.countedAt) / 1000;
    if (source.used < THROTTLE_LIMITS.used * source.rate * seconds) return;
    source.rate = Math.min(THROTTLE_LIMITS.most, source.rate + THROTTLE_LIMITS.raise);
  };

  const look = async (id: string, source: Source): Promise<void> => {
    const now = clock.now();
    const since = (at: number) => Math.min(THROTTLE_LIMITS.windowMs, now - at - THROTTLE_LIMITS.settleMs);
    const timesOf = async (agoMs: number) => (agoMs <= 0 ? {} : await ingestTimes(id, agoMs));
    if (source.restingSince !== null) {
      const times = await timesOf(since(source.restingSince));
      const isLong = now - source.restingSince >= THROTTLE_LIMITS.restMs;
      const p99 = times && countOf(times) >= THROTTLE_LIMITS.requests ? withinWhich(times, 0.99) : undefined;
      if (p99 === undefined && !isLong) return;
      source.calm = p99 === undefined ? null : { p99, at: now };
      if (p99 === undefined) source.idleUntil = now + THROTTLE_LIMITS.idleMs;
      goOn(source);
    } else if (source.calm === null) {
      // A source without a number of requests in a minute would not have them while moves rest, either.
      if (now < source.idleUntil) raise(source);
      else {
        const times = await timesOf(THROTTLE_LIMITS.windowMs);
        if (times !== null && countOf(times) >= THROTTLE_LIMITS.requests) rest(source);
        else source.idleUntil = now + THROTTLE_LIMITS.idleMs;
      }
    } else if (now - source.calm.at >= THROTTLE_LIMITS.renewMs) rest(source);
    else {
      const times = await timesOf(since(source.movingSince));
      // What is not known raises nothing.
      if (times === null) return;
      const isNoticed = countOf(times) >= THROTTLE_LIMITS.requests && isSlower(times, source.calm.p99);
      source.slower = isNoticed ? source.slower + 1 : 0;
      if (!isNoticed) raise(source);
      else if (source.slower >= THROTTLE_LIMITS.looks && source.rate > THROTTLE_LIMITS.least) {
        halve(id, source, 'its clients wait longer for their answers');
        rest(source);
      }
    }
  };

  const looked = async (id: string, source: Source): Promise<void> => {
    if (clock.now() - source.lookedAt < THROTTLE_LIMITS.lookMs) return;
    source.looking ??= look(id, source).finally(() => {
      source.looking = undefined;
      source.lookedAt = clock.now();
      source.countedAt = source.lookedAt;
      source.used = 0;
    });
    await source.looking;
  };

  const fill = (source: Source): void => {
    const now = clock.now();
    const passed = Math.max(0, now - source.filledAt);
    const most = (source.rate * THROTTLE_LIMITS.burstMs) / 1000;
    source.tokens = Math.min(most, source.tokens + (source.rate * passed) / 1000);
    source.filledAt = now;
  };

  return {
    rateOf: (id) => sourceOf(id).rate,

    async take(id, purpose) {
      const source = sourceOf(id);
      await looked(id, source);
      if (source.restingSince !== null) return Math.max(1, source.lookedAt + THROTTLE_LIMITS.lookMs - clock.now());
      fill(source);
      const wanted = (source.rate * THROTTLE_LIMITS.stepMs) / 1000;
      if (source.tokens < wanted) return Math.ceil((1000 * (wanted - source.tokens)) / source.rate);
      source.tokens -= wanted;
      return {
        budget: Math.floor(purpose === 'send' ? wanted : wanted * THROTTLE_LIMITS.comparedForOne),
        end({ read, sent }, throttled) {
          // What would have been sent may be there; and a cell that knows no budget may have read more.
          const cost = sent + Math.max(0, read - sent) / THROTTLE_LIMITS.comparedForOne;
          source.tokens += wanted - cost;
          source.used += cost;
          if (throttled) halve(id, source, 'a store or the target took no more');
        },
      };
    },
  };
}
