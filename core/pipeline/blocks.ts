// The documents of a series: its head with the newest half hour, blocks with earlier half hours, and nodes of crowded minutes.
import { isJsonObject, type Json } from '../ports/json.ts';
import type { Page, Store, StoreCursor, StoredDocument, Version } from '../ports/store.ts';

/** Leaves by the end of their window's name: `41` in a block, `:4` or `3` in a node. */
export type Leaves = { readonly [end: string]: Json };

/** The leaves of one half hour. */
export interface Block {
  readonly leaves: Leaves;
  /** The minutes that are crowded: their leaves are the sums of nodes. */
  readonly hot?: readonly string[];
}

/** The document of a series that is read and written with each delivery. The totals of documents do not contain its leaves. */
export interface Head extends Block {
  /** The first minute of the half hour. */
  readonly start: string;
  /** The totals of documents do contain its leaves: they come from documents of the release that had one for each minute. */
  readonly folded?: true;
  /** Totals of the whole series, with these leaves. */
  readonly totals?: { readonly [id: string]: Json };
  /** The latest values as long as they are few. */
  readonly latest?: Json;
  /** The latest values are in documents of their own. */
  readonly spread?: true;
}

/** Ends the id of a block, which so comes right after the document of its first minute that an earlier release may have left. */
const BLOCK_MARK = '+';

export const headId = (series: string): string => `head!${series}`;
export const blockId = (series: string, start: string): string => series + start + BLOCK_MARK;
/** The id of the node of a window of the log that has too many events for one leaf. */
export const nodeId = (series: string, window: string): string => `hot!${series}${window}`;

/** The first minute of the half hour of a minute. */
export const blockStart = (minute: string): string =>
  minute.slice(0, HOUR.length) + ((minute[HOUR.length] ?? '') < '3' ? '00' : '30');

const HOUR = '2026-11-21T07:';

/** A minute within its block, and the minute of a block by it. */
export const endOf = (minute: string): string => minute.slice(HOUR.length);
export const minuteAt = (start: string, end: string): string => start.slice(0, HOUR.length) + end;

/** The minutes of leaves, in their order; the order of a body's keys is not kept. */
export const minutesOf = ({ leaves }: Block): string[] => Object.keys(leaves).sort();

/** A block, or a head, as it was stored; one without leaves for a document that is none. */
export const asBlock = (document: StoredDocument | undefined): Block => {
  const body = document?.body;
  return isJsonObject(body) && isJsonObject(body.leaves) ? (body as unknown as Block) : { leaves: {} };
};

export const asHead = (document: StoredDocument | undefined): Head | undefined =>
  document === undefined || isForgetting(document) ? undefined : (document.body as unknown as Head);

/** Whether a head is replaced by a mark: what is known of the subject is being removed. See `forgetDocuments`. */
export const isForgetting = ({ body }: StoredDocument): boolean => isJsonObject(body) && body.forgetting !== undefined;

/** The documents of minutes that the release before blocks has left in a half hour. All totals contain their leaves. */
export interface Minutes {
  readonly leaves: ReadonlyMap<string, Json>;
  readonly documents: readonly { readonly id: string; readonly version: Version }[];
}

/** Minutes in a block. */
const BLOCK_MINUTES = 30;

export async function earlierMinutes(state: Store, partition: string, series: string, start: string): Promise<Minutes> {
  const from = series + start;
  const to = series + minuteAt(start, endOf(start) === '00' ? '30' : '60');
  const documents: StoredDocument[] = [];
  let cursor: StoreCursor | undefined;
  do {
    // The block's own document may be among them.
    const page: Page = await state.query(partition, {
      from,
      to,
      limit: BLOCK_MINUTES + 1,
      ...(cursor !== undefined && { cursor }),
    });
    documents.push(...page.items.filter(({ id }) => id.length === from.length));
    cursor = page.next;
  } while (cursor !== undefined);
  return {
    leaves: new Map(documents.map(({ id, body }) => [id.slice(-2), body])),
    documents: documents.map(({ id, version }) => ({ id, version })),
  };
}
