// Erases events of tenants in all cells that hold them: one bounded piece of work at a time, kept before the next, so that any may be repeated.
import { Refusal } from '../../api/refusal.ts';
import { isSubject } from '../../events/subject.ts';
import { parseTime } from '../../events/time.ts';
import { mapConcurrently } from '../../lib/concurrently.ts';
import { cutUtf8 } from '../../lib/text.ts';
import type { Clock } from '../../ports/clock.ts';
import { describeError, isPortError } from '../../ports/errors.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Json } from '../../ports/json.ts';
import type { Log } from '../../ports/log.ts';
import type { ErasureRequest } from '../cells/erasure-request.ts';
import type { HoldingsQuestion } from '../cells/holdings-question.ts';
import type { MonitorStorage } from '../monitor/monitor-storage.ts';
import type { Directory } from '../ports/directory.ts';
import type { Cell } from '../ports/directory-model.ts';
import type { CellErasure, CellErasures, Certificate, Erasure, ErasureAnswer, Erasures } from '../ports/erasures.ts';
import { advanced, certificateOf, ERASURE_LIMITS, hindered, newCell, phaseOf } from './steps.ts';

export interface ErasuresDeps {
  readonly directory: Pick<Directory, 'lookup' | 'cells' | 'change'>;
  readonly request: ErasureRequest;
  readonly holdings: Pick<HoldingsQuestion, 'holds'>;
  /** Why a tenant's copies are being made or given up by a move; `null` if they are not. */
  readonly moving: (tenant: string) => Promise<string | null>;
  /** Signs certificates. */
  readonly sign: (certificate: Certificate) => Promise<string>;
  readonly storage: MonitorStorage;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** Erasures, and the work that orders cause. */
export interface WorkingErasures extends Erasures {
  /** Does one piece of work of every erasure that is due. Never rejects. Resolves with when there is more to do; `null` for never. */
  round(): Promise<number | null>;
  /** The erasure of a tenant that is under way; `undefined` without one. */
  underWay(tenant: string): Promise<Erasure | undefined>;
}

const KEY = 'erasure/';

const isCertified = ({ state }: Erasure): boolean => state === 'certified';

const refusal = (code: ConstructorParameters<typeof Refusal>[0], detail: string) => new Refusal(code, detail);

/** Returns the erasures; rounds must not overlap. */
export function createErasures(deps: ErasuresDeps): WorkingErasures {
  const { directory, storage, clock, log } = deps;
  let records: Map<string, Erasure> | undefined;

  const all = async (): Promise<Map<string, Erasure>> => {
    if (records !== undefined) return records;
    const kept = await storage.list<Json>({ prefix: KEY, limit: ERASURE_LIMITS.kept });
    records ??= new Map([...kept.values()].map((each) => each as unknown as Erasure).map((each) => [each.id, each]));
    return records;
  };

  /** Changes an erasure as it is now: others may have changed it while a cell was asked. */
  const revise = async (id: string, change: (erasure: Erasure) => Erasure): Promise<Erasure> => {
    const known = await all();
    const before = known.get(id);
    if (before === undefined) throw new TypeError(`There is no erasure ${id}.`);
    const after = change(before);
    known.set(id, after);
    await storage.put(KEY + id, after as unknown as Json);
    return after;
  };

  const reviseCell = (id: string, cell: string, change: (known: CellErasure) => CellErasure): Promise<Erasure> =>
    revise(id, (erasure) => ({
      ...erasure,
      cells: { ...erasure.cells, [cell]: change(erasure.cells[cell] ?? newCell(clock.now())) },
    }));

  const ofTenant = async (tenant: string): Promise<readonly Erasure[]> =>
    [...(await all()).values()].filter((erasure) => erasure.tenant === tenant);

  /** The cells that hold events of the tenant, or may get some; and of one that cannot be asked, and so may hold some, why. */
  const holdersOf = async (
    tenant: string,
  ): Promise<{ readonly targets: Cell[]; readonly retired: string[]; readonly unknown: string | undefined }> => {
    const { tenant: found } = await directory.lookup(tenant);
    const cells = (await directory.cells()).map(({ cell }) => cell);
    const retired = cells.filter(({ state }) => state === 'retired').map(({ id }) => id);
    const living = cells.filter(({ state }) => state !== 'retired');
    let unknown: string | undefined;
    const held = await mapConcurrently(living, ERASURE_LIMITS.concurrent, async (cell) => {
      if (found !== null && (found.cell === cell.id || found.standby === cell.id)) return [cell];
      const held = await deps.holdings.holds(cell, tenant);
      if (held.status === 'unknown')
        unknown = `Whether ${cell.id} holds events of ${tenant} is not known: ${held.reason}`;
      return held.status === 'held' ? [cell] : [];
    });
    return { targets: held.flat(), retired, unknown };
  };

  const audit = async ({ id, tenant, subject, until, actor, reason }: Erasure): Promise<void> => {
    const scope = subject === null ? 'tenant' : 'subject';
    const outcome = await directory.change(
      { kind: 'erase-data', tenant, erasure: id, scope, until },
      { actor, reason },
    );
    if (outcome.status === 'refused') throw refusal(outcome.code, outcome.detail);
  };

  /** One piece of work in one cell. */
  const workIn = async (erasure: Erasure, cell: Cell): Promise<void> => {
    const known = erasure.cells[cell.id] ?? newCell(clock.now());
    const phase = phaseOf(known, clock.now());
    if (phase === null) return;
    const answer = await deps.request(cell, erasure, phase, known.pass);
    await reviseCell(erasure.id, cell.id, (now) => {
      // Begun anew meanwhile: what was asked for says nothing of it.
      if (now.step !== known.step || now.pass !== known.pass) return now;
      return typeof answer === 'string'
        ? hindered(now, answer, clock.now())
        : advanced(now, phase, answer, erasure, clock.now());
    });
  };

  const isDone = ({ cells }: Erasure): boolean => Object.values(cells).every(({ step }) => step === 'done');

  /** Looks for further copies; without any, the erasure is at its next state. */
  const concluded = async (erasure: Erasure): Promise<void> => {
    const { targets, retired, unknown } = await holdersOf(erasure.tenant);
    const now = clock.now();
    const added = targets.filter(({ id }) => erasure.cells[id] === undefined).map(({ id }) => [id, newCell(now)]);
    if (added.length > 0) {
      const cells = Object.fromEntries(added) as Record<string, CellErasure>;
      await revise(erasure.id, (known) => ({
        ...known,
        ...{ state: 'erasing', erasedAt: null, notBefore: now, problem: null, cells: { ...known.cells, ...cells } },
      }));
      return;
    }
    if (unknown !== undefined) throw refusal('cell_unavailable', unknown);
    if (erasure.state === 'erasing') {
      await revise(erasure.id, (known) => {
        if (!isDone(known)) return known;
        return { ...known, state: 'erased', erasedAt: now, notBefore: now + ERASURE_LIMITS.retentionMs, problem: null };
      });
      return;
    }
    const certificate = certificateOf(erasure, retired, now);
    const signed = await deps.sign(certificate);
    await revise(erasure.id, (known) =>
      known.state === 'erased' ? { ...known, state: 'certified', certificate, signed, problem: null } : known,
    );
    log.info('an erasure is certified', { erasure: erasure.id, tenant: erasure.tenant });
  };

  /** One piece of work of an erasure. */
  const advance = async (erasure: Erasure): Promise<void> => {
    try {
      if (isDone(erasure)) return await concluded(erasure);
      const cells = (await directory.cells()).map(({ cell }) => cell);
      // A cell that was retired meanwhile cannot be asked; the certificate names it.
      for (const id of Object.keys(erasure.cells))
        if (cells.find((cell) => cell.id === id)?.state === 'retired')
          await reviseCell(erasure.id, id, (known) => ({ ...known, step: 'done' }));
      const open = cells.filter(({ id, state }) => state !== 'retired' && erasure.cells[id] !== undefined);
      await mapConcurrently(open, ERASURE_LIMITS.concurrent, (cell) => workIn(erasure, cell));
    } catch (error) {
      if (!(error instanceof Refusal || isPortError(error))) throw error;
      const problem = cutUtf8(error.message, ERASURE_LIMITS.problemBytes);
      const notBefore = clock.now() + ERASURE_LIMITS.pauseMs;
      await revise(erasure.id, (known) => ({ ...known, problem, notBefore }));
    }
  };

  /** When there is something to do for an erasure. */
  const dueAt = (erasure: Erasure): number => {
    if (isDone(erasure)) return erasure.notBefore;
    const open = Object.values(erasure.cells).filter(({ step }) => step !== 'done');
    return Math.max(erasure.notBefore, Math.min(...open.map(({ notBefore }) => notBefore)));
  };

  const answered = async <T>(work: () => Promise<T>): Promise<ErasureAnswer<T>> => {
    try {
      return { value: await work() };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { refused: error.code, detail: error.message };
    }
  };

  const checked = ({ tenant, subject, until }: Parameters<Erasures['erase']>[0]): string => {
    if (subject !== null && !isSubject(subject))
      throw refusal('invalid_body', `${JSON.stringify(cutUtf8(subject, 64))} cannot be a subject.`);
    const now = clock.now();
    if (until === undefined) return new Date(now).toISOString();
    const instant = parseTime(until);
    if (instant === undefined || instant.epochMs > now + ERASURE_LIMITS.futureMs)
      throw refusal('invalid_body', `The time until which to erase of ${tenant} must be RFC 3339, and none to come.`);
    return until;
  };

  const concerns = ({ cells }: Erasure, cell: string): boolean => cells[cell] !== undefined;

  const countIn = async (cell: string): Promise<CellErasures> => {
    const some = [...(await all()).values()].filter((erasure) => concerns(erasure, cell));
    return { erasures: some.length, unmarked: some.filter(({ cells }) => cells[cell]?.step === 'mark').length };
  };

  return {
    erase: (order, dryRun) =>
      answered(async () => {
        const until = checked(order);
        const { tenant, subject, actor, reason } = order;
        const known = await all();
        const same = (await ofTenant(tenant)).find((each) => each.state === 'erasing' && each.subject === subject);
        if (same !== undefined) {
          if (order.until === undefined || order.until === same.until) return same;
          throw refusal('erasure_under_way', `${same.id} erases up to ${same.until}: wait until it has.`);
        }
        const move = await deps.moving(tenant);
        if (move !== null) throw refusal('move_under_way', move);
        // A cell that cannot be asked now is asked again before anything counts as erased.
        const { targets, unknown } = await holdersOf(tenant);
        if (targets.length === 0 && unknown !== undefined) throw refusal('cell_unavailable', unknown);
        if (targets.length === 0) throw refusal('unknown_tenant', `No cell holds events of ${tenant}.`);
        const now = clock.now();
        const erasure: Erasure = {
          ...{ id: deps.ids.next(), tenant, subject, until, actor, reason, orderedAt: now, state: 'erasing' },
          cells: Object.fromEntries(targets.map(({ id }) => [id, newCell(now)])),
          ...{ erasedAt: null, notBefore: now, problem: null, certificate: null, signed: null },
        };
        if (dryRun) return erasure;
        if (known.size >= ERASURE_LIMITS.kept)
          throw refusal('no_capacity', `${ERASURE_LIMITS.kept} erasures are kept, so that none of them comes back.`);
        if ([...known.values()].filter(({ state }) => state === 'erasing').length >= ERASURE_LIMITS.active)
          throw refusal('no_capacity', `${ERASURE_LIMITS.active} erasures are under way.`);
        await audit(erasure);
        known.set(erasure.id, erasure);
        return revise(erasure.id, (each) => each);
      }),

    erasure: async (id) => (await all()).get(id) ?? null,

    erasures: async ({ limit, cursor, tenant }) => {
      const found = [...(await all()).values()]
        .filter((each) => tenant === undefined || each.tenant === tenant)
        .sort((a, b) => b.orderedAt - a.orderedAt || (a.id < b.id ? -1 : 1));
      const from = cursor === undefined ? 0 : found.findIndex(({ id }) => id === cursor) + 1;
      const items = found.slice(from, from + limit);
      return { items, next: from + limit < found.length ? (items.at(-1)?.id ?? null) : null };
    },

    underWay: async (tenant) => (await ofTenant(tenant)).find(({ state }) => state === 'erasing'),

    bringErasures: (tenant, ids) =>
      answered(async () => {
        const known = await ofTenant(tenant);
        if (known.length === 0) return 0;
        const cells = (await directory.cells()).map(({ cell }) => cell).filter(({ id }) => ids.includes(id));
        for (const erasure of known)
          for (const cell of cells) {
            if (concerns(erasure, cell.id) && erasure.cells[cell.id]?.step !== 'mark') continue;
            for (const phase of erasure.state === 'erasing' ? (['mark'] as const) : (['mark', 'close'] as const)) {
              const answer = await deps.request(cell, erasure, phase, 1);
              if (typeof answer === 'string')
                throw refusal('cell_unavailable', `It cannot be said there what was erased of ${tenant}: ${answer}.`);
            }
            await reviseCell(erasure.id, cell.id, (each) =>
              erasure.state === 'erasing'
                ? advanced(each, 'mark', {}, erasure, clock.now())
                : { ...each, step: 'done', pass: 0 },
            );
          }
        return known.length;
      }),

    cellErasures: countIn,

    replayErasures: async (cell) => {
      const now = clock.now();
      for (const erasure of [...(await all()).values()].filter((each) => concerns(each, cell)))
        await revise(erasure.id, (known) => ({
          ...known,
          cells: { ...known.cells, [cell]: newCell(now) },
          ...{ state: 'erasing', erasedAt: null, notBefore: now, certificate: null, signed: null, problem: null },
        }));
      return countIn(cell);
    },

    async round() {
      try {
        const open = [...(await all()).values()].filter((erasure) => !isCertified(erasure));
        const due = open.filter((erasure) => dueAt(erasure) <= clock.now());
        await mapConcurrently(due, ERASURE_LIMITS.concurrent, advance);
        const left = [...(await all()).values()].filter((erasure) => !isCertified(erasure));
        return left.length === 0 ? null : Math.min(...left.map(dueAt));
      } catch (error) {
        log.error('erasures cannot go on', describeError(error));
        // What is kept is read again.
        records = undefined;
        return clock.now() + ERASURE_LIMITS.pauseMs;
      }
    },
  };
}
