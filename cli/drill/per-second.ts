// How a drill's clients were served second by second, in memory that does not grow with the number of requests.
import { isSuccess, type Served, Tally } from './service.ts';

/** Seconds that are remembered: the longest drill has fewer. What is sent later is left out. */
export const REMEMBERED_SECONDS = 3600;

/** One second of a line in the plot. */
export interface Second {
  /** Since the drill began. */
  readonly second: number;
  /** Requests that were sent in it. */
  readonly requests: number;
  readonly succeeded: number;
  /** Of those that succeeded; `null` if none did. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Seconds with requests, in their order. */
export interface Line {
  readonly name: string;
  readonly seconds: readonly Second[];
}

interface Counted {
  requests: number;
  readonly successes: Tally;
}

/** Counts requests by the second in which they were sent, in groups. */
export class PerSecond {
  readonly #groups: readonly { readonly name: string; readonly has: (tenant: string) => boolean }[];
  readonly #seconds: Map<number, Counted>[];

  /** `groups`: a request counts for the first one that has its tenant, or for none. */
  constructor(groups: readonly { readonly name: string; readonly has: (tenant: string) => boolean }[]) {
    this.#groups = groups;
    this.#seconds = groups.map(() => new Map());
  }

  add(served: Served): void {
    const second = Math.floor(served.sentAt / 1000);
    if (!(second >= 0 && second < REMEMBERED_SECONDS)) return;
    const seconds = this.#seconds[this.#groups.findIndex(({ has }) => has(served.tenant))];
    if (seconds === undefined) return;
    const counted = seconds.get(second) ?? { requests: 0, successes: new Tally() };
    seconds.set(second, counted);
    counted.requests += 1;
    if (isSuccess(served.status)) counted.successes.add(served);
  }

  /** The groups that sent anything. */
  lines(): readonly Line[] {
    return this.#groups.flatMap(({ name }, index) => {
      const seconds = [...(this.#seconds[index] ?? [])]
        .sort(([a], [b]) => a - b)
        .map(([second, { requests, successes }]): Second => {
          const { requests: succeeded, p50Ms, p99Ms } = successes.summary();
          return {
            second,
            requests,
            succeeded,
            ...(succeeded === 0 ? { p50Ms: null, p99Ms: null } : { p50Ms, p99Ms }),
          };
        });
      return seconds.length === 0 ? [] : [{ name, seconds }];
    });
  }
}
