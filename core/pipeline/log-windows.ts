// Leaves from the log: folds the events of a window of the log, and splits windows that have too many events or bytes.
import { eventKey, fromStored } from '../events/cloud-event.ts';
import { atMost, mapConcurrently } from '../lib/concurrently.ts';
import { sameJson } from '../lib/same-json.ts';
import { afterPrefix } from '../lib/text.ts';
import { PortError } from '../ports/errors.ts';
import type { Page, Query, Store, StoreCursor, StoredDocument } from '../ports/store.ts';
import { asBlock, nodeId } from './blocks.ts';
import { type Derivation, packed, seriesOf, unpacked } from './derivation.ts';

export const WINDOW_LIMITS = {
  /** Events of a window that is read as a whole for each delivery. One with more is split. */
  events: 256,
  /** Characters of those events' JSON. A window with more is split, down to single events. */
  characters: 256 * 1024,
  /** Documents asked for at once. The store ends a page of large ones by its own bound. */
  pageDocuments: 64,
  /** Characters of JSON read for one delivery to one subject's half hour; more is refused, and the events are parked. */
  deliveryCharacters: 128 * 1024 * 1024,
} as const;

export type WindowLimits = { readonly [limit in keyof typeof WINDOW_LIMITS]: number };

/** Nodes read or written at the same time. */
const CONCURRENT_NODES = 16;

/**
 * Parts of a window that are read at the same time: the shorter a delivery takes, the fewer others change its documents meanwhile. As
 * many pages are asked for at once, however far down the parts of parts lie: a page may have megabytes.
 */
const CONCURRENT_PARTS = 4;

/**
 * The lengths of prefixes of a position that name windows: minute, ten seconds, second, two more characters, then one more each. What
 * follows the second is the fraction, or the hash that distinguishes the events of one instant.
 */
const WIDTHS = [16, 18, 19, 21] as const;

const childOf = (window: string, position: string): string =>
  position.slice(0, WIDTHS.find((width) => width > window.length) ?? window.length + 1);

/** What is stored of a window for one series. */
export interface Leaf<Summary> {
  readonly summary: Summary | undefined;
  /** Whether the window was split: the leaf is then the sum of a node's. */
  readonly hot: boolean;
}

/**
 * The leaves of these series in a window, as the log has them now. `wanted` are positions that were delivered; of a split window only
 * the parts that hold them are read. Rejects with `unavailable` if the log does not show one of them yet, with `too-large` if there
 * is more to read than `deliveryCharacters`, and with `conflict` if another writer has changed a node.
 */
export type LeavesOf<Summary> = (
  window: string,
  known: ReadonlyMap<string, Leaf<Summary>>,
  wanted: readonly string[],
) => Promise<ReadonlyMap<string, Leaf<Summary>>>;

export interface LogWindowsDeps {
  readonly events: Store;
  readonly state: Store;
  /** The log of the subject, and the partition of its documents. */
  readonly log: string;
  readonly partition: string;
  readonly limits?: WindowLimits | undefined;
}

interface Node<Summary> {
  readonly leaves: Map<string, Leaf<Summary>>;
  readonly document: StoredDocument | undefined;
}

/**
 * Returns what reads a subject's log, and calls `seen` for each fact that it folds. Nodes are written before the leaf above them is: a leaf is to its node what a leaf is to the
 * log, so a caller that has read the leaf's version before may write the leaf on condition of it, and loses nothing to others.
 */
export function logWindows<Fact, Summary extends object>(
  derivation: Derivation<Fact, Summary>,
  { events, state, log, partition, limits = WINDOW_LIMITS }: LogWindowsDeps,
  seen: (series: string, fact: Fact) => void,
): LeavesOf<Summary> {
  const accepts = new Set(derivation.types);
  let read = 0;
  const inTurn = atMost(CONCURRENT_PARTS);
  const pageOf = (query: Query) => inTurn(() => events.query(log, query));

  /** An event that cannot be projected contributes nothing; it is parked on its own delivery, and counts once the code is fixed. */
  const projected = (document: StoredDocument): { fact: Fact } | undefined => {
    const { event } = fromStored(document);
    if (!accepts.has(event.type)) return undefined;
    try {
      return { fact: derivation.project(event, document.id) };
    } catch {
      return undefined;
    }
  };

  /** All events of a window folded, or `undefined` if they are too many. */
  const whole = async (window: string, series: ReadonlySet<string>, wanted: readonly string[]) => {
    const unseen = new Set(wanted);
    const leaves = new Map<string, Summary>();
    const facts: [string, Fact][] = [];
    let count = 0;
    let characters = 0;
    let cursor: StoreCursor | undefined;
    do {
      const page = await pageOf({
        prefix: window,
        limit: limits.pageDocuments,
        ...(cursor !== undefined && { cursor }),
      });
      for (const document of page.items) {
        count += 1;
        characters += account(JSON.stringify(document.body).length);
        if (count > limits.events || (count > 1 && characters > limits.characters)) return undefined;
        unseen.delete(document.id);
        const found = projected(document);
        if (found === undefined) continue;
        const id = seriesOf(derivation, found.fact);
        if (!series.has(id)) continue;
        const leaf = leaves.get(id) ?? derivation.empty();
        derivation.add(leaf, found.fact);
        leaves.set(id, leaf);
        facts.push([id, found.fact]);
      }
      cursor = page.next;
    } while (cursor !== undefined);
    // Delivered events came from the log. A read that does not show them is behind, and a leaf derived from it would miss them.
    if (unseen.size > 0)
      throw new PortError('unavailable', `${log} does not show ${unseen.size} delivered events yet.`);
    for (const [id, fact] of facts) seen(id, fact);
    return leaves;
  };

  const account = (characters: number): number => {
    read += characters;
    if (read > limits.deliveryCharacters)
      throw new PortError('too-large', `${log} has more events at once than one delivery may read.`);
    return characters;
  };

  /** The parts of a window that hold events, found by jumping from one to the next. */
  const partsOf = async (window: string): Promise<string[]> => {
    const parts: string[] = [];
    let from: string | undefined = window;
    let cursor: StoreCursor | undefined;
    while (from !== undefined) {
      const page: Page = await pageOf({ prefix: window, from, limit: 1, ...(cursor !== undefined && { cursor }) });
      const first = page.items[0];
      // A page may be empty though there are more.
      cursor = first === undefined ? page.next : undefined;
      if (first !== undefined) {
        account(JSON.stringify(first.body).length);
        const part = childOf(window, first.id);
        parts.push(part);
        from = afterPrefix(part);
      } else if (cursor === undefined) break;
    }
    return parts;
  };

  const readNode = async (series: string, window: string): Promise<Node<Summary>> => {
    const document = await state.get({ partition, id: nodeId(series, window) });
    const { leaves: stored, hot = [] } = asBlock(document);
    const leaves = Object.entries(stored).map(([end, json]): [string, Leaf<Summary>] => [
      end,
      { summary: unpacked(derivation, json, series + minuteOf(window)), hot: hot.includes(end) },
    ]);
    return { leaves: new Map(leaves), document };
  };

  const writeNode = async (series: string, window: string, { leaves, document: before }: Node<Summary>) => {
    const there = [...leaves].filter(([, { summary }]) => summary !== undefined);
    if (there.length === 0) return;
    const hot = there
      .filter(([, leaf]) => leaf.hot)
      .map(([end]) => end)
      .sort();
    const body = {
      leaves: Object.fromEntries(there.map(([end, leaf]) => [end, packed(derivation, leaf.summary as Summary)])),
      ...(hot.length > 0 && { hot }),
    };
    if (before !== undefined && sameJson(before.body, body)) return;
    await state.put({ partition, id: nodeId(series, window), body }, before?.version ?? 'absent');
  };

  const sumOf = (leaves: ReadonlyMap<string, Leaf<Summary>>): Summary | undefined =>
    [...leaves]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .reduce<Summary | undefined>(
        (sum, [, { summary }]) => (summary === undefined ? sum : derivation.revise(sum, undefined, summary)),
        undefined,
      );

  /** `entire`: nothing is known of what the window holds besides the wanted positions, so all of it is read. */
  const derive = async (
    window: string,
    known: ReadonlyMap<string, Leaf<Summary>>,
    wanted: readonly string[],
    entire: boolean,
  ): Promise<ReadonlyMap<string, Leaf<Summary>>> => {
    const all = [...known];
    if (entire || !all.some(([, { hot }]) => hot)) {
      const found = await whole(window, new Set(known.keys()), wanted);
      if (found !== undefined)
        return new Map(all.map(([series]) => [series, { summary: found.get(series), hot: false }]));
    }
    const nodes = new Map(
      await mapConcurrently(
        all,
        CONCURRENT_NODES,
        async ([series]) => [series, await readNode(series, window)] as const,
      ),
    );
    // A leaf that was derived from the whole window says nothing of its parts, nor of theirs.
    const splits = entire || all.some(([, { hot, summary }]) => !hot && summary !== undefined);
    // A part with a delivered event that the log does not show yet must be asked for, so that its absence is noticed.
    const parts = [
      ...new Set([...(splits ? await partsOf(window) : []), ...wanted.map((position) => childOf(window, position))]),
    ].sort();
    await mapConcurrently(parts, CONCURRENT_PARTS, async (part) => {
      const end = part.slice(window.length);
      const below = new Map(
        all.map(([series]) => [series, nodes.get(series)?.leaves.get(end) ?? { summary: undefined, hot: false }]),
      );
      const within = wanted.filter((position) => position.startsWith(part));
      for (const [series, leaf] of await derive(part, below, within, splits)) nodes.get(series)?.leaves.set(end, leaf);
    });
    await mapConcurrently([...nodes], CONCURRENT_NODES, ([series, node]) => writeNode(series, window, node));
    return new Map([...nodes].map(([series, node]) => [series, { summary: sumOf(node.leaves), hot: true }]));
  };

  return (window, known, wanted) => derive(window, known, wanted, false);
}

export const minuteOf = (position: string): string => position.slice(0, WIDTHS[0]);

/** The place of an event in the log of its subject. */
export const positionOf = (tenant: string, event: Parameters<typeof eventKey>[1]): string => eventKey(tenant, event).id;
