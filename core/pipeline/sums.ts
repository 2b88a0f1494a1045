// Derived sums: what most derived consumers keep, whole numbers added up by windows of time.
import type { Derivation } from './derived-consumer.ts';

/** Windows, and how much of a minute's text names them: the hour, the day, nothing. */
const WIDTHS = { '1h': 13, '1d': 10, all: 0 } as const;

export type SumWindow = keyof typeof WIDTHS;

type Sums<Name extends string> = { [name in Name]: number };

/** The document of a window. */
export type SumOf<S> = S extends { empty(): infer Sum } ? Sum : never;

/** The id of the document of a window; `start` is its beginning, cut to its width: `2026-11-21` for a day, nothing for `all`. */
export const sumId = (window: SumWindow, start = ''): string => `${window}!${start}`;

/**
 * The part of a derivation that adds up these amounts by windows, and by minutes, which the windows are made of. An event adds the
 * amounts that its fact has. They are whole numbers, so that the order of addition does not matter: money in its smallest unit.
 */
export const sums = <const Name extends string>(
  names: readonly Name[],
  windows: readonly SumWindow[],
): Omit<Derivation<Partial<Sums<Name>>, Sums<Name>>, 'name' | 'types' | 'partition' | 'project'> => {
  const each = (amount: (name: Name) => number) =>
    Object.fromEntries(names.map((name) => [name, amount(name)])) as Sums<Name>;
  return {
    leafOf: (_fact, minute) => `1m!${minute}`,
    totalsOf: (leafId) => windows.map((window) => sumId(window, leafId.slice(3, 3 + WIDTHS[window]))),
    empty: () => each(() => 0),
    add(sum, fact) {
      for (const name of names) sum[name] += fact[name] ?? 0;
    },
    revise: (total, before, after) => each((name) => (total?.[name] ?? 0) + after[name] - (before?.[name] ?? 0)),
  };
};
