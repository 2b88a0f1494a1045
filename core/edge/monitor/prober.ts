// Runs probes of cells over a bounded number of connections; a missing answer never holds up a round.
import type { Probe, ProbeResult, ProbeTarget } from '../../cell/health-probe.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PeerView } from './vantage.ts';

export const PROBER_LIMITS = {
  /** Concurrent connections; on Workers, more than six queue (https://developers.cloudflare.com/workers/platform/limits/). */
  connections: 6,
  /** Judged probes that stay open while others wait for a connection; the other connections are free again within seconds. */
  lingering: 2,
  /** While this many are open, optional questions are skipped. */
  spare: 3,
  /** Results waiting to be taken; each round takes them, so there are rarely more than cells. */
  untaken: 20_000,
} as const;

/** A question to one cell about another. */
export interface Question {
  readonly witness: ProbeTarget;
  readonly about: ProbeTarget;
  /** Whether it can be skipped while probes need the connections. */
  readonly spare: boolean;
}

/** A judged probe that may still be answered, and the probes of its cell abandoned in the meantime: ten at most, in five seconds. */
interface Lingering {
  readonly probe: Probe;
  readonly givenUp: ProbeResult[];
}

export interface ProberDeps {
  readonly probe: (target: ProbeTarget) => Probe;
  /** Asks one cell whether it reaches another; `null` when it cannot answer. See `peerQuestion`. */
  readonly ask: (witness: ProbeTarget, about: ProbeTarget) => Promise<PeerView | null>;
  readonly clock: Pick<Clock, 'sleep'>;
}

export interface Prober {
  /**
   * Sends a probe to each cell and the questions to witnesses, and resolves when all have been answered or judged, or
   * after `waitMs`; unfinished work continues. Never rejects.
   */
  send(targets: readonly ProbeTarget[], questions: readonly Question[], waitMs: number): Promise<void>;
  /** Results and views received since the last call. */
  take(): { readonly results: ReadonlyMap<string, readonly ProbeResult[]>; readonly views: readonly PeerView[] };
}

export function createProber({ probe, ask, clock }: ProberDeps): Prober {
  let results: { readonly cell: string; readonly result: ProbeResult }[] = [];
  let views: PeerView[] = [];
  /** Work waiting for a connection, in order of arrival. */
  const waiting: (() => void)[] = [];
  /** Cell → its oldest judged probe whose late answer would still be a sign of life. */
  const lingering = new Map<string, Lingering>();
  /** Cells with a probe that waits for a connection: another one would only wait behind it. */
  const queued = new Set<string>();
  let open = 0;
  /** Whether an optional question is in progress: a slow witness must not take a second connection. */
  let isAsking = false;

  const connection = async (): Promise<void> => {
    if (open < PROBER_LIMITS.connections) {
      open += 1;
      return;
    }
    const turn = new Promise<void>((resolve) => waiting.push(resolve));
    makeRoom();
    await turn;
  };

  /**
   * Gives up a late answer for those who wait, if there are more than may be kept: the newest one, as the oldest has waited longest, and is the
   * likeliest to show that its cell is alive. One that was given up each time others wait would make a slow cell a silent one.
   */
  const makeRoom = (): void => {
    if (waiting.length > 0 && lingering.size > PROBER_LIMITS.lingering) [...lingering.values()].at(-1)?.probe.cancel();
  };

  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) open -= 1;
    else next();
  };

  const keep = (cell: string, result: ProbeResult): void => {
    if (results.length < PROBER_LIMITS.untaken) results.push({ cell, result });
  };

  /** Resolves when the probe is judged; the connection is released when no late answer can arrive any more. */
  const observe = async (target: ProbeTarget): Promise<void> => {
    if (queued.has(target.id)) return;
    queued.add(target.id);
    await connection();
    queued.delete(target.id);
    const begun = probe(target);
    const result = await begun.result;
    keep(target.id, result);
    if (result.answer === 'alive' || result.answer === 'refused') {
      release();
      return;
    }
    const older = lingering.get(target.id);
    const own: Lingering = { probe: begun, givenUp: [] };
    if (older === undefined) {
      lingering.set(target.id, own);
      makeRoom();
    } else {
      begun.cancel();
      older.givenUp.push(result);
    }
    void begun.late.then((late) => {
      if (lingering.get(target.id) === own) lingering.delete(target.id);
      release();
      if (late === null) return;
      keep(target.id, late);
      // The cell is alive but slow: the outcome of the abandoned probes in between is unknown.
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
      const probes = Promise.all(targets.map(observe));
      // The probes of one round would take what is spare, however soon they are answered.
      const asked = questions.map((each) => (each.spare ? probes.then(() => question(each)) : question(each)));
      await Promise.race([Promise.all([probes, ...asked]), clock.sleep(waitMs)]);
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
