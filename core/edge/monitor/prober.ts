// Keeps probes of cells under way: a bounded number of connections, none of which makes a round wait for an answer that does not come.
import type { Probe, ProbeResult, ProbeTarget } from '../../cell/health-probe.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PeerView } from './vantage.ts';

export const PROBER_LIMITS = {
  /** Connections at the same time; more than six wait for each other on Workers (https://developers.cloudflare.com/workers/platform/limits/). */
  connections: 6,
  /** Results that wait to be taken; a round takes them, so there are hardly more than there are cells. */
  untaken: 20_000,
} as const;

export interface ProberDeps {
  readonly probe: (target: ProbeTarget) => Probe;
  /** Asks one cell whether it reaches another one; `null` when it cannot say. See `peerQuestion`. */
  readonly ask: (witness: ProbeTarget, about: ProbeTarget) => Promise<PeerView | null>;
  readonly clock: Pick<Clock, 'sleep'>;
}

export interface Prober {
  /**
   * Sends a probe to each of these cells and the questions to witnesses, and resolves when all have been answered or judged, or
   * after `waitMs`; what is still under way goes on. Never rejects.
   */
  send(
    targets: readonly ProbeTarget[],
    questions: readonly { readonly witness: ProbeTarget; readonly about: ProbeTarget }[],
    waitMs: number,
  ): Promise<void>;
  /** What has come since the last call. */
  take(): { readonly results: ReadonlyMap<string, readonly ProbeResult[]>; readonly views: readonly PeerView[] };
}

export function createProber({ probe, ask, clock }: ProberDeps): Prober {
  let results: { readonly cell: string; readonly result: ProbeResult }[] = [];
  let views: PeerView[] = [];
  /** Work that waits for a connection, the first to come first. */
  const waiting: (() => void)[] = [];
  /** Probes that have been judged, and whose late answer would still be a sign of life: they make room for others. */
  const lingering = new Set<Probe>();
  let open = 0;

  const connection = async (): Promise<void> => {
    if (open >= PROBER_LIMITS.connections) {
      const [oldest] = lingering;
      oldest?.cancel();
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else open += 1;
  };

  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) open -= 1;
    else next();
  };

  const keep = (cell: string, result: ProbeResult): void => {
    if (results.length < PROBER_LIMITS.untaken) results.push({ cell, result });
  };

  /** Resolves at the judgement; the connection is released when nothing more can come of it. */
  const observe = async (target: ProbeTarget): Promise<void> => {
    await connection();
    const begun = probe(target);
    const result = await begun.result;
    keep(target.id, result);
    if (result.answer === 'alive' || result.answer === 'refused') {
      release();
      return;
    }
    lingering.add(begun);
    if (waiting.length > 0) begun.cancel();
    void begun.late.then((late) => {
      lingering.delete(begun);
      release();
      if (late !== null) keep(target.id, late);
    });
  };

  const question = async (witness: ProbeTarget, about: ProbeTarget): Promise<void> => {
    await connection();
    const view = await ask(witness, about);
    release();
    if (view !== null) views.push(view);
  };

  return {
    async send(targets, questions, waitMs) {
      const all = Promise.all([
        ...targets.map(observe),
        ...questions.map(({ witness, about }) => question(witness, about)),
      ]);
      await Promise.race([all, clock.sleep(waitMs)]);
    },

    take() {
      const byCell = new Map<string, ProbeResult[]>();
      for (const { cell, result } of results) {
        const known = byCell.get(cell);
        if (known === undefined) byCell.set(cell, [result]);
        else known.push(result);
      }
      const taken = { results: byCell, views };
      results = [];
      views = [];
      return taken;
    },
  };
}
