// The documents of a derivation's series: which of them a change concerns, and how they are written in one step.
import { mapConcurrently } from '../lib/concurrently.ts';
import { sameJson } from '../lib/same-json.ts';
import { PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { Store, StoredDocument, Version, Write } from '../ports/store.ts';
import {
  asBlock,
  asHead,
  type Block,
  blockId,
  earlierMinutes,
  endOf,
  type Head,
  headId,
  isForgetting,
  type Leaves,
  type Minutes,
  minuteAt,
  minutesOf,
} from './blocks.ts';
import { type Derivation, inlineTotals, ownTotals, packed, unpacked } from './derivation.ts';
import { keepLatest, type LatestByKey } from './latest-values.ts';
import type { Leaf } from './log-windows.ts';

const CONCURRENT_READS = 16;

/**
 * Where the events of a half hour belong. `head`: it is the newest of its series. `next`: it is newer, and becomes the head; what the
 * head was becomes a block, and is folded into the totals. `late`: it is older, a block that is folded already.
 */
type Place = 'head' | 'next' | 'late';

/** What is stored of a series, as far as a half hour's events concern it. */
export interface Opened {
  readonly series: string;
  readonly start: string;
  readonly place: Place;
  readonly head: StoredDocument | undefined;
  readonly leaves: Leaves;
  readonly hot: readonly string[];
  /** The totals contain the leaves. */
  readonly folded: boolean;
  /** The version of a late block. */
  readonly version: Version | undefined;
  readonly minutes: Minutes;
  /** Totals of the whole series. */
  readonly inline: ReadonlyMap<string, Json>;
  /** The latest values, and how they are kept. */
  readonly latest: Pick<Head, 'latest' | 'spread'>;
  /** Latest values that an earlier release kept in a total. */
  readonly earlier: LatestByKey;
  /** Documents of an earlier release whose totals the head takes over. */
  readonly takenOver: readonly StoredDocument[];
}

/** Leaves by minute. */
export type Changes<Summary> = ReadonlyMap<string, Leaf<Summary>> & Map<string, Leaf<Summary>>;

const NO_MINUTES: Minutes = { leaves: new Map(), documents: [] };

interface Deps {
  readonly state: Store;
  readonly partition: string;
  readonly announce: () => Promise<void>;
}

export function seriesDocuments<Fact, Summary extends object>(
  derivation: Derivation<Fact, Summary>,
  { state, partition, announce }: Deps,
) {
  const read = (id: string) => state.get({ partition, id });

  const leafIn = ({ series, leaves, hot }: Opened, minute: string): Leaf<Summary> => {
    const end = endOf(minute);
    const json = leaves[end];
    return {
      summary: json === undefined ? undefined : unpacked(derivation, json, series + minute),
      hot: hot.includes(end),
    };
  };

  /** What a series without a head takes over from the release that had none. */
  const takeOver = async (series: string): Promise<Pick<Opened, 'inline' | 'takenOver' | 'earlier'>> => {
    const found = await mapConcurrently(inlineTotals(derivation, series), CONCURRENT_READS, read);
    const takenOver = found.filter((document) => document !== undefined);
    const inline = new Map(
      takenOver.map(({ id, body }) => [id, derivation.revise(body as Summary, undefined, derivation.empty()) as Json]),
    );
    const earlier = takenOver.flatMap(({ body }) => [...(derivation.latest?.inTotal?.(body) ?? [])]);
    return { takenOver, inline, earlier: new Map(earlier) };
  };

  const leavesFrom = ({ leaves }: Minutes): Leaves =>
    Object.fromEntries([...leaves].map(([end, body]) => [end, packed(derivation, body as Summary)]));

  /** Reads a series before the log is read, for events of the half hour that begins at `start`. */
  const open = async (series: string, start: string): Promise<Opened> => {
    const document = await read(headId(series));
    if (document !== undefined && isForgetting(document))
      throw new PortError('unavailable', `${partition} is being derived anew.`);
    const head = asHead(document);
    const known = {
      series,
      start,
      head: document,
      inline: new Map(Object.entries(head?.totals ?? {})),
      latest: latestIn(head),
      earlier: new Map(),
      takenOver: [],
    };
    if (head?.start === start)
      return {
        ...known,
        place: 'head',
        ...contentOf(head),
        folded: head.folded === true,
        version: undefined,
        minutes: NO_MINUTES,
      };
    const place = head !== undefined && head.start > start ? 'late' : 'next';
    const block = place === 'late' ? await read(blockId(series, start)) : undefined;
    if (block !== undefined)
      return {
        ...known,
        place,
        ...contentOf(asBlock(block)),
        folded: true,
        version: block.version,
        minutes: NO_MINUTES,
      };
    const minutes = await earlierMinutes(state, partition, series, start);
    return {
      ...known,
      ...(head === undefined && (await takeOver(series))),
      place,
      leaves: leavesFrom(minutes),
      hot: [],
      folded: place === 'late' || minutes.documents.length > 0,
      version: undefined,
      minutes,
    };
  };

  /** The totals that have documents, as far as leaves that change or join them. */
  const revised = async (steps: readonly Step<Summary>[], windows: readonly string[]): Promise<Write[]> => {
    const ids = [...new Set([...steps.flatMap(({ totals }) => totals), ...windows])];
    const found = new Map(await mapConcurrently(ids, CONCURRENT_READS, async (id) => [id, await read(id)] as const));
    const totals = new Map<string, Summary>();
    for (const { totals: above, before, after } of steps)
      for (const id of above) {
        const total = totals.get(id) ?? ((found.get(id)?.body ?? undefined) as Summary | undefined);
        totals.set(id, derivation.revise(total, before, after));
      }
    return ids.flatMap((id): Write[] => {
      const total = totals.get(id);
      const stored = found.get(id);
      // A window whose leaves are all in the head has a document, so that it is listed.
      if (total === undefined && stored !== undefined) return [];
      return [{ kind: 'put', id, body: (total ?? null) as Json, expected: stored?.version ?? 'absent' }];
    });
  };

  /** The leaves of a head as they join the totals. */
  const foldSteps = (series: string, head: Head): Step<Summary>[] =>
    head.folded === true
      ? []
      : minutesOf(head).map((end) => {
          const minute = minuteAt(head.start, end);
          return {
            totals: ownTotals(derivation, series, minute),
            before: undefined,
            after: unpacked(derivation, head.leaves[end] as Json, series + minute),
          };
        });

  /** Writes what has changed, in one step. Rejects with `conflict` if it is no longer as it was read. */
  const save = async (opened: Opened, changes: Changes<Summary>, values: LatestByKey): Promise<void> => {
    const { series, start, place } = opened;
    const steps: (Step<Summary> & { readonly minute: string })[] = [];
    const leaves: Record<string, Json> = { ...opened.leaves };
    const hot = new Set(opened.hot);
    for (const [minute, leaf] of changes) {
      const { summary: after } = leaf;
      if (after === undefined) continue;
      const end = endOf(minute);
      if (leaf.hot) hot.add(end);
      const json = packed(derivation, after);
      const stored = leaves[end];
      if (stored !== undefined && sameJson(stored, json)) continue;
      const before = stored === undefined ? undefined : unpacked(derivation, stored, series + minute);
      leaves[end] = json;
      steps.push({ minute, totals: ownTotals(derivation, series, minute), before, after });
    }
    const latest = await latestWith(opened, values);
    const isSame = steps.length === 0 && hot.size === opened.hot.length;
    if (isSame && (place === 'next' || sameJson(latest, opened.latest))) return;

    const block: Block = { leaves, ...(hot.size > 0 && { hot: [...hot].sort() }) };
    const totals = new Map(opened.inline);
    for (const id of inlineTotals(derivation, series))
      for (const { before, after } of steps)
        totals.set(id, derivation.revise(totals.get(id) as Summary | undefined, before, after) as Json);
    const shared = { ...(totals.size > 0 && { totals: Object.fromEntries(totals) }), ...latest };

    if (opened.head === undefined) await announce();
    const writes = place === 'late' ? late(opened, block, shared) : newest(opened, block, shared);
    const current = asHead(opened.head);
    const leaving = place === 'next' && current !== undefined ? foldSteps(series, current) : [];
    const windows = place === 'next' ? ownTotals(derivation, series, start) : [];
    writes.push(...(await revised([...leaving, ...(opened.folded ? steps : [])], windows)));
    const [only] = writes;
    if (writes.length === 1 && only?.kind === 'put')
      await state.put({ partition, id: only.id, body: only.body }, only.expected);
    else await state.transact(partition, writes);
  };

  const latestWith = async ({ series, latest, earlier }: Opened, values: LatestByKey) => {
    const rule = derivation.latest;
    if (rule === undefined) return {};
    const known = earlier.size === 0 ? latest : await keepLatest(state, partition, series, latest, earlier, rule.keep);
    return values.size === 0 ? known : keepLatest(state, partition, series, known, values, rule.keep);
  };

  /** The writes of a half hour that is the head, or becomes it. */
  const newest = (opened: Opened, block: Block, shared: Partial<Head>): Write[] => {
    const { series, start, place, head: document, folded, minutes, takenOver } = opened;
    const head: Head = { start, ...block, ...(folded && { folded }), ...shared };
    const writes: Write[] = [
      { kind: 'put', id: headId(series), body: head as unknown as Json, expected: document?.version ?? 'absent' },
    ];
    if (place === 'head') return writes;
    const before = asHead(document);
    // Blocks behind the head are written only together with the head, whose version decides.
    const put = (id: string, body: Block): Write => ({
      kind: 'put',
      id,
      body: body as unknown as Json,
      expected: 'any',
    });
    if (before !== undefined) writes.push(put(blockId(series, before.start), bare(before)));
    if (derivation.listsLeaves === true) writes.push(put(blockId(series, start), { leaves: {} }));
    for (const { id, version } of [...minutes.documents, ...takenOver])
      writes.push({ kind: 'delete', id, expected: version });
    return writes;
  };

  /** The writes of an older half hour; the head's, if it says something of all half hours that has changed. */
  const late = (opened: Opened, block: Block, shared: Partial<Head>): Write[] => {
    const { series, start, version, minutes, head: document } = opened;
    const writes: Write[] = [
      { kind: 'put', id: blockId(series, start), body: block as unknown as Json, expected: version ?? 'absent' },
      ...minutes.documents.map((each): Write => ({ kind: 'delete', id: each.id, expected: each.version })),
    ];
    const before = asHead(document);
    if (before === undefined || document === undefined) return writes;
    const { totals: _totals, latest: _latest, spread: _spread, ...rest } = before;
    const head = { ...rest, ...shared };
    if (!sameJson(head, before))
      writes.push({
        kind: 'put',
        id: headId(series),
        body: head as unknown as Json,
        expected: document.version,
      });
    // A block that is there has a version of its own; where there is none, only the head shows that all was forgotten meanwhile.
    else if (version === undefined) writes.push({ kind: 'check', id: headId(series), expected: document.version });
    return writes;
  };

  return { open, leafIn, save };
}

/** A leaf below some totals that changed. */
interface Step<Summary> {
  readonly totals: readonly string[];
  readonly before: Summary | undefined;
  readonly after: Summary;
}

const contentOf = ({ leaves, hot = [] }: Block) => ({ leaves, hot });

const bare = ({ leaves, hot }: Block): Block => ({ leaves, ...(hot !== undefined && { hot }) });

const latestIn = (head: Head | undefined): Pick<Head, 'latest' | 'spread'> => ({
  ...(head?.latest !== undefined && { latest: head.latest }),
  ...(head?.spread !== undefined && { spread: head.spread }),
});
