// Reads of derived documents: totals and leaves together with what is still in the heads of their series.
import { listing } from '../api/listing.ts';
import type { PageRequest, View } from '../api/read.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { Query, Store, StoredDocument } from '../ports/store.ts';
import { asHead, blockStart, type Head, headId, minuteAt, minutesOf } from './blocks.ts';
import { type Derivation, ownTotals, unpacked } from './derivation.ts';

const CONCURRENT_READS = 16;

type Folds<Summary> = Pick<Derivation<never, Summary>, 'totalsOf' | 'revise' | 'unpack'>;

export const readHead = async (state: Store, partition: string, series: string): Promise<Head | undefined> =>
  asHead(await state.get({ partition, id: headId(series) }));

/** A total as its document and the head of its series say; `undefined` if neither has a leaf of it. */
export function totalWith<Summary>(
  derivation: Folds<Summary>,
  series: string,
  id: string,
  stored: Summary | undefined,
  head: Head | undefined,
): Summary | undefined {
  const inline = head?.totals?.[id];
  if (inline !== undefined) return inline as unknown as Summary;
  if (head === undefined || head.folded === true) return stored;
  return minutesOf(head).reduce<Summary | undefined>((total, end) => {
    const minute = minuteAt(head.start, end);
    const json = head.leaves[end];
    if (json === undefined || !ownTotals(derivation, series, minute).includes(id)) return total;
    return derivation.revise(total, undefined, unpacked(derivation, json, series + minute));
  }, stored);
}

/** One total. Its document is read before the head: a half hour that moves from one to the other meanwhile is never counted twice. */
export async function readTotal<Summary>(
  derivation: Folds<Summary>,
  state: Store,
  partition: string,
  series: string,
  id: string,
): Promise<Summary | undefined> {
  const stored = await state.get({ partition, id });
  const head = await readHead(state, partition, series);
  return totalWith(derivation, series, id, (stored?.body ?? undefined) as Summary | undefined, head);
}

/**
 * Heads of the series of a store's page, read behind each page anew: a total that is read later than a head may contain the half hour
 * that has left that head meanwhile, which would be counted twice.
 */
function headsOf(state: Store, partition: string, seriesIn: (id: string) => string) {
  let heads = new Map<string, Head | undefined>();
  return {
    of: (id: string) => heads.get(seriesIn(id)),
    async prepare(documents: readonly StoredDocument[]) {
      const series = [...new Set(documents.map(({ id }) => seriesIn(id)))];
      const found = await mapConcurrently(series, CONCURRENT_READS, (each) => readHead(state, partition, each));
      heads = new Map(series.map((each, index) => [each, found[index]]));
    },
  };
}

/** A page of the totals that a query finds; `seriesIn` says which series the id of a total belongs to. */
export function listTotals<Summary, T>(
  derivation: Folds<Summary>,
  state: Store,
  partition: string,
  query: Omit<Query, 'limit' | 'cursor'>,
  page: PageRequest,
  seriesIn: (id: string) => string,
  view: (id: string, total: Summary) => readonly T[],
): Promise<View<T>> {
  const heads = headsOf(state, partition, seriesIn);
  const show = ({ id, body }: StoredDocument) => {
    const total = totalWith(derivation, seriesIn(id), id, (body ?? undefined) as Summary | undefined, heads.of(id));
    return total === undefined ? [] : view(id, total);
  };
  return listing(state, partition, query, page, show, heads.prepare);
}

/** A page of the leaves of a derivation that lists them; ids in the query are those of leaves. */
export function listLeaves<Summary, T>(
  derivation: Folds<Summary>,
  state: Store,
  partition: string,
  { from, ...query }: Omit<Query, 'limit' | 'cursor' | 'order'>,
  page: PageRequest,
  view: (minute: string, leaf: Summary) => readonly T[],
): Promise<View<T>> {
  const heads = headsOf(state, partition, (id) => id.slice(0, id.length - (id.endsWith('+') ? 17 : 16)));
  const show = ({ id, body }: StoredDocument): readonly T[] => {
    if (!id.endsWith('+')) return view(id.slice(-16), body as unknown as Summary);
    const series = id.slice(0, -17);
    const start = id.slice(-17, -1);
    const head = heads.of(id);
    const block = head?.start === start ? head : (body as unknown as Head);
    return minutesOf(block).flatMap((end) => {
      const minute = minuteAt(start, end);
      const json = block.leaves[end];
      return json === undefined ? [] : view(minute, unpacked(derivation, json, series + minute));
    });
  };
  // The block of the first minute begins before it.
  const first = from === undefined ? {} : { from: from.slice(0, -16) + blockStart(from.slice(-16)) };
  return listing(state, partition, { ...query, ...first }, page, show, heads.prepare);
}
