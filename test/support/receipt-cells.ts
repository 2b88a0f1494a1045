// The two cells of a tenant with leases as the directory gives them, and what moves, failovers and lost cells make of effects that happen once.

import { LEASE } from '../../core/cell/lease.ts';
import type { AskForLeases } from '../../core/cell/lease-keeper.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import { NOTE_LIMITS } from '../../core/replication/notes.ts';
import { readAll } from '../contract/store/harness.ts';
import { tenantCells } from './tenant-cells.ts';

/** Longer than the pauses after a question without an answer, of leases and of receipts, and than what processes remember. */
const PAUSE_MS = 6000;

/** When a lease of before, and what began under it, is surely over. */
const OVER_MS = LEASE.durationMs + LEASE.skewMs + 2 * LEASE.effectMs;

export function receiptCells() {
  /** Cells of a release without receipts. */
  const earlier = new Set<string>();
  let questions = 0;
  let isPlaced = false;
  const asking = { before: (): void => undefined };
  const ask =
    (id: string): AskForLeases =>
    async (tenants) => {
      const { moved, switches } = cells.state;
      const server = (switches % 2 === 0) === moved ? 'standby' : 'home';
      return {
        answers: Object.fromEntries(tenants.map((tenant) => [tenant, server === id ? 'granted' : 'elsewhere'])),
        epochs: server === id ? Object.fromEntries(tenants.map((tenant) => [tenant, cells.epochNow()])) : {},
      };
    };
  const cells = tenantCells(undefined, {
    ask,
    instead: (id, request) => {
      if (!request.url.endsWith('/v1/replica/receipts')) return undefined;
      questions += 1;
      asking.before();
      return earlier.has(id) ? Response.json({ code: 'not_found' }, { status: 404 }) : undefined;
    },
  });
  const { cell, clock, push, tell, state } = cells;
  const partition = (subject: string) => `claimed|tally|acme|${subject}`;

  /** The cell that serves from now on knows it, and no effect of before is under way. */
  const changed = async (server: string): Promise<void> => {
    clock.jump(OVER_MS);
    await tell(server);
  };

  return {
    ...cells,
    earlier,
    /** What happens before a question is answered. */
    asking,
    /** How often cells were asked for receipts. */
    asked: () => questions,
    send: async (id: string, batch: readonly JsonObject[]) => {
      // The first placement is brought before a tenant has events.
      if (!isPlaced) await tell('home');
      isPlaced = true;
      const answer = await cells.send(id, batch);
      if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
    },
    /** Brings what a cell has to the other one. */
    copy: (from: string) => push(from),
    /** Lets a cell relay and consume what it has, each message once. */
    turn: async (id: string) => {
      clock.jump(PAUSE_MS);
      await cell(id).pump(2);
      const { status, body } = await cells.ask(id, '/v1/replica/hear', { method: 'POST' });
      if (status !== 200 || body.next !== null) throw new Error(JSON.stringify(body));
      await cell(id).pump(2);
    },
    move: async (home: string) => {
      state.moved = home === 'standby';
      state.placements += 1;
      state.switches = 0;
      await changed(home);
    },
    failOver: async () => {
      state.switches += 1;
      await changed(state.moved ? 'home' : 'standby');
    },
    failBack: async () => {
      state.switches += 1;
      await changed(state.moved ? 'standby' : 'home');
    },
    /** Has a cell compare, so long after the other one noted its lease that this counts. */
    settle: async (from: string) => {
      clock.jump(NOTE_LIMITS.leasedMs + LEASE.skewMs);
      await push(from);
      clock.jump(LEASE.skewMs + 1);
    },
    /** How many effects have happened in a cell. */
    total: async (id: string, subject = 'pump-1'): Promise<number> => {
      const found = await cell(id).state.get({ partition: partition(subject), id: 'total' });
      return Number((found?.body as { count?: number } | undefined)?.count ?? 0);
    },
    claims: async (id: string, subject = 'pump-1') =>
      (await readAll(cell(id).state, partition(subject))).map((each) => each.id).filter((each) => each !== 'total'),
    /** Messages in the queue of a cell, and copies in its store. */
    waiting: async (id: string) =>
      cell(id).bus.waiting('tally') + (await readAll(cell(id).state, 'pending|tally|acme')).length,
  };
}
