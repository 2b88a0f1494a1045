// What a cell consists of in its cloud, as facts by name, and the comparison of what there is with what there must be.
import { canonical, type Json } from './json.ts';

/** What is known of one thing. */
export type Facts = Readonly<Record<string, Json>>;

/** Things by kind and name, such as `queue aws-alpha-rollups`. */
export type Inventory = Readonly<Record<string, Facts>>;

/** A fact that is not as it must be; `fact` is '' where the thing itself is missing or is one too many. */
export interface Deviation {
  readonly thing: string;
  readonly fact: string;
  readonly expected: Json;
  readonly observed: Json;
}

/** Every deviation. Facts that are not expected of a thing may have any value. */
export function compareInventories(expected: Inventory, observed: Inventory): readonly Deviation[] {
  const missing = Object.keys(expected)
    .filter((thing) => observed[thing] === undefined)
    .map((thing) => ({ thing, fact: '', expected: 'there', observed: 'missing' }));
  const others = Object.keys(observed)
    .filter((thing) => expected[thing] === undefined)
    .map((thing) => ({ thing, fact: '', expected: 'absent', observed: 'there' }));
  const wrong = Object.entries(expected).flatMap(([thing, facts]) => {
    const seen = observed[thing];
    if (seen === undefined) return [];
    return Object.entries(facts)
      .map(([fact, value]) => ({ thing, fact, expected: value, observed: seen[fact] ?? null }))
      .filter(({ expected: wanted, observed: found }) => canonical(wanted) !== canonical(found));
  });
  return [...missing, ...others, ...wrong];
}

/** How many facts are compared. */
export const factsOf = (inventory: Inventory): number =>
  Object.values(inventory).reduce((sum, facts) => sum + Object.keys(facts).length, 0);

/** With texts replaced in every value, the longest first: what a cloud has given a name of its own gets one that can be expected. */
export function withNames(inventory: Inventory, names: ReadonlyMap<string, string>): Inventory {
  const pairs = [...names].filter(([given]) => given !== '').sort(([a], [b]) => b.length - a.length);
  const named = (value: Json): Json => {
    if (typeof value === 'string') return pairs.reduce((text, [given, name]) => text.replaceAll(given, name), value);
    if (Array.isArray(value)) return (value as Json[]).map(named);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, named(each)]));
  };
  return Object.fromEntries(Object.entries(inventory).map(([thing, facts]) => [thing, named(facts as Json) as Facts]));
}
