// Looks at the two copies of tenants' data, as clients see them through the edge and as their cells hold them.
import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../../hosts/processes/wait.ts';
import { RefusedError, UserError } from '../command.ts';
import { type EdgeControl, NoAnswerError } from './control.ts';
import { type Asking, ask, EDGE, readLog } from './count.ts';
import type { Stage } from './data-verdict.ts';
import type { Ledger } from './ledger.ts';
import { subjectOf } from './load.ts';

export const COPY_LIMITS = {
  /** So long clients go on looking for what was acknowledged, in milliseconds: it may be on its way to a cell that has just taken over. */
  seenWithinMs: 60_000,
  /** Two cells agree within this once nothing is sent any more, in milliseconds: what waits to be delivered again comes within two minutes. */
  equalWithinMs: 180_000,
  /** The pause between two looks, in milliseconds. */
  everyMs: 500,
  /** Steps of one comparison, or of one push; each looks at thousands of events. */
  steps: 10_000,
} as const;

/** A tenant and its two cells. */
export interface Pair {
  readonly tenant: string;
  readonly home: string;
  readonly standby: string;
}

/** Reads everything through the edge, again and again until all is there that was acknowledged when it began. */
export async function seenThroughEdge(
  reading: Asking,
  { name, tenants, ledger }: { readonly name: string; readonly tenants: readonly string[]; readonly ledger: Ledger },
): Promise<Stage> {
  const promised = ledger.promised();
  const began = performance.now();
  const servedBy = new Set<string>();
  const options: Asking = { ...reading, answeredBy: (cell) => servedBy.add(cell) };
  for (;;) {
    promised.begin();
    let trouble: UserError | undefined;
    try {
      for (const tenant of tenants) await readLog(options, { id: EDGE }, tenant, (number) => promised.find(number));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      trouble = error;
    }
    const afterMs = Math.round(performance.now() - began);
    const isOver = afterMs > COPY_LIMITS.seenWithinMs;
    // What was not read to its end says nothing of what is missing.
    if (trouble !== undefined && isOver) throw trouble;
    if (trouble === undefined && (promised.missing === 0 || isOver)) {
      const { acknowledged, missing, twice } = promised;
      return {
        name,
        acknowledged,
        missing,
        twice,
        servedBy: [...servedBy].filter((cell) => cell !== 'edge').sort(),
        afterMs,
      };
    }
    await sleep(COPY_LIMITS.everyMs, reading.signal);
    reading.signal.throwIfAborted();
  }
}

type Pusher = Pick<EdgeControl, 'push'>;

/** Does all steps of a push from the home, or of a comparison; `undefined` if a cell or the edge does not answer. */
async function pushed(control: Pusher, { tenant, home }: Pair, verify: boolean, signal: AbortSignal) {
  try {
    for (let step = 0; step < COPY_LIMITS.steps; step += 1) {
      signal.throwIfAborted();
      const progress = await control.push(tenant, { from: home, restart: step === 0, verify });
      if (progress.done) return progress;
      if (progress.waiting !== undefined) await sleep(COPY_LIMITS.everyMs, signal);
    }
  } catch (error) {
    if (!(error instanceof RefusedError || error instanceof NoAnswerError)) throw error;
  }
  return undefined;
}

/** Has the home send everything to the standby that this one lacks; `false` if it does not get on. */
export const pushAll = async (control: Pusher, pair: Pair, signal: AbortSignal): Promise<boolean> =>
  (await pushed(control, pair, false, signal)) !== undefined;

/** Events that one cell of a tenant lacks or has otherwise; `undefined` if it cannot be found out now. */
export async function differingEvents(control: Pusher, pair: Pair, signal: AbortSignal): Promise<number | undefined> {
  const progress = await pushed(control, pair, true, signal);
  return progress && progress.missing + progress.different + progress.extra;
}

/** Compares the events of tenants until none differ; resolves with how many still do, where it takes too long. */
export async function untilEqual(
  control: Pusher,
  pairs: readonly Pair[],
  withinMs: number,
  signal: AbortSignal,
): Promise<number> {
  const end = performance.now() + withinMs;
  let left = pairs.map((pair) => ({ pair, events: 1 }));
  for (;;) {
    const next: typeof left = [];
    for (const { pair, events } of left) {
      const found = await differingEvents(control, pair, signal);
      if (found !== 0) next.push({ pair, events: found ?? events });
    }
    left = next;
    if (left.length === 0 || performance.now() > end) return left.reduce((sum, { events }) => sum + events, 0);
    await sleep(COPY_LIMITS.everyMs, signal);
    signal.throwIfAborted();
  }
}

/** Compares what consumers have made of the events in the two cells, and waits for consumers that are behind. */
export async function differingDocuments(
  reading: Asking,
  pairs: readonly Pair[],
): Promise<{ readonly documents: number; readonly compared: number }> {
  const end = performance.now() + COPY_LIMITS.equalWithinMs;
  const found = { documents: 0, compared: 0 };
  for (const { tenant, home, standby } of pairs)
    for (const { path } of reading.tally.counts(subjectOf(reading.run))) {
      found.compared += 1;
      for (;;) {
        const [one, other] = await Promise.all(
          [home, standby].map((id) => ask<Record<string, unknown>>(reading, { id }, tenant, path)),
        );
        if (isDeepStrictEqual(one, other)) break;
        if (performance.now() > end) {
          found.documents += 1;
          break;
        }
        await sleep(COPY_LIMITS.everyMs, reading.signal);
        reading.signal.throwIfAborted();
      }
    }
  return found;
}
