// Derived sums: what most derived consumers keep, whole numbers added up by windows of time.
import type { PageRequest, View } from '../api/read.ts';
import type { Json } from '../ports/json.ts';
import type { Store } from '../ports/store.ts';
import type { Derivation } from './derivation.ts';
import { listTotals, readTotal } from './derived-reads.ts';

/** Windows, and how much of a minute's text names them: the hour, the day, nothing. */
const WIDTHS = { '1h': 13, '1d': 10, all: 0 } as const;

export type SumWindow = keyof typeof WIDTHS;

type Sums<Name extends string> = { [name in Name]: number };

/** The sums of a window. */
export type SumOf<S> = S extends { empty(): infer Sum } ? Sum : never;

/** All leaves of a subject are one series. */
const SERIES = '1m!';

const sumId = (window: SumWindow, start = ''): string => `${window}!${start}`;

/** The part of a derivation that adds up, and the reads of the sums. */
export interface SumDerivation<Name extends string>
  extends Omit<Derivation<Partial<Sums<Name>>, Sums<Name>>, 'name' | 'types' | 'partition' | 'project'> {
  /**
   * The sums of a window; `start` is its beginning, cut to its width: `2026-11-21` for a day, nothing for `all`. `undefined` if nothing
   * has happened in it. Rejects with the store's error.
   */
  get(state: Store, partition: string, window: SumWindow, start?: string): Promise<Sums<Name> | undefined>;
  /** The sums of all windows of a width, by time. Rejects with the store's error, `invalid` for an unusable cursor. */
  list<T>(
    state: Store,
    partition: string,
    window: Exclude<SumWindow, 'all'>,
    page: PageRequest,
    view: (sum: Sums<Name>, start: string) => T,
  ): Promise<View<T>>;
}

/**
 * Adds up these amounts by windows, and by minutes, which the windows are made of. An event adds the amounts that its fact has. They
 * are whole numbers, so that the order of addition does not matter: money in its smallest unit.
 */
export const sums = <const Name extends string>(
  names: readonly Name[],
  windows: readonly SumWindow[],
): SumDerivation<Name> => {
  const each = (amount: (name: Name, index: number) => number) =>
    Object.fromEntries(names.map((name, index) => [name, amount(name, index)])) as Sums<Name>;
  const derivation: Omit<SumDerivation<Name>, 'get' | 'list'> = {
    leafOf: (_fact, minute) => SERIES + minute,
    totalsOf: (leafId) =>
      windows.map((window) => sumId(window, leafId.slice(SERIES.length, SERIES.length + WIDTHS[window]))),
    empty: () => each(() => 0),
    add(sum, fact) {
      for (const name of names) sum[name] += fact[name] ?? 0;
    },
    revise: (total, before, after) => each((name) => (total?.[name] ?? 0) + after[name] - (before?.[name] ?? 0)),
    pack: (sum) => names.map((name) => sum[name]),
    unpack: (packed) => each((_name, index) => Number((packed as readonly Json[])[index] ?? 0)),
  };
  return {
    ...derivation,
    get: (state, partition, window, start) => readTotal(derivation, state, partition, SERIES, sumId(window, start)),
    list: (state, partition, window, page, view) =>
      listTotals(
        derivation,
        state,
        partition,
        { prefix: sumId(window) },
        page,
        () => SERIES,
        (id, sum) => [view(sum, id.slice(sumId(window).length))],
      ),
  };
};
