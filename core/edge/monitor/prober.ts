// Keeps probes of cells under way: a bounded number of connections, none of which makes a round wait for an answer that does not come.
import type { Probe, ProbeResult, ProbeTarget } from '../../cell/health-probe.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PeerView } from './vantage.ts';

export const PROBER_LIMITS = {
  /** Connections at the same time; more than six wait for each other on Workers (https://developers.cloudflare.com/workers/platform/limits/). */
  connections: 6,
  /** While so many are open, questions that can be left out are. */
  spare: 3,
  /** Results that wait to be taken; a round takes them, so there are hardly more than there are cells. */
  untaken: 20_000,
} as const;

/** What one cell is asked about another one. */
export interface Question {
  readonly witness: ProbeTarget;
  readonly about: ProbeTarget;
  /** Whether it can be left out while probes need the connections. */
  readonly spare: boolean;
}

/** A probe that has been judged and may still be answered, and those of its cell that were given up meanwhile: ten at most, in five seconds. */
interface Lingering {
  readonly probe: Probe;
  readonly givenUp: ProbeResult[];
}

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
  send(targets: readonly ProbeTarget[], questions: readonly Question[], waitMs: number): Promise<void>;
  /** What has come since the last call. */
  take(): { readonly results: ReadonlyMap<string, readonly ProbeResult[]>; readonly views: readonly PeerView[] };
}

export function createProber({ probe, ask, clock }: ProberDeps): Prober {
  let results: { readonly cell: string; readonly result: ProbeResult }[] = [];
  let views: PeerView[] = [];
  /** Work that waits for a connection, the first to come first. */
  const waiting: (() => void)[] = [];
  /** Cell → its oldest probe that has been judged, and whose late answer would still be a sign of life: they make room for others. */
  const lingering = new Map<string, Lingering>();
  let open = 0;
  /** Whether a question that can be left out is under way: a slow witness must not take a second connection. */
  let isAsking = false;

  const connection = async (): Promise<void> => {
    if (open >= PROBER_LIMITS.connections) {
      // The newest of them: the oldest has waited longest, and is the likeliest to show that its cell lives.
      [...lingering.values()].at(-1)?.probe.cancel();
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
    const older = lingering.get(target.id);
    const own: Lingering = { probe: begun, givenUp: [] };
    if (older === undefined) lingering.set(target.id, own);
    else {
      begun.cancel();
      older.givenUp.push(result);
    }
    void begun.late.then((late) => {
      if (lingering.get(target.id) === own) lingering.delete(target.id);
      release();
      if (late === null) return;
      keep(target.id, late);
      // The cell lives and is slow: what the probes in between would have come to is not known.
      for (const each of own.givenUp) keep(target.id, { ...each, answer: 'void', detail: 'given up for another one' });
    });
  };

  const question = async ({ witness, about, spare }: Question): Promise<void> => {
    if (spare && (isAsking || open >= PROBER_LIMITS.spare)) return;
    isAsking ||= spare;
    await connection();
    const view = await ask(witness, about);
    release();
    if (spare) isAsking = false;
    if (view !== null) views.push(view);
  };

  return {
    async send(targets, questions, waitMs) {
      const all = Promise.all([...targets.map(observe), ...questions.map(question)]);
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
