// A cell's side of leases: asks the edge before effects that must not happen twice, remembers what is granted, and for how long.

import { BoundedCache } from '../lib/bounded-cache.ts';
import { type TimedFetchDeps, timedFetch } from '../lib/timed-fetch.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError, PortError } from '../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { PrivateKey } from '../ports/keys.ts';
import { LEASE_ANSWERS, type LeaseAnswer } from '../ports/lease.ts';
import type { Store } from '../ports/store.ts';
import { statePartition } from './identity.ts';
import { LEASE, LEASE_PATH, leaseAsker, leaseLeft } from './lease.ts';

export const KEEPER_LIMITS = {
  /** The edge has this long to answer, in milliseconds. */
  askMs: 2000,
  /** After a question without an answer, and for an answer that grants nothing, the edge is not asked again for this long. */
  pauseMs: 1000,
  /** Tenants whose answers a process remembers, about 200 bytes each. */
  tenants: 10_000,
} as const;

/** Whether effects may happen in this cell now. */
export interface Leases {
  /** Asks for the leases of these tenants, as far as they have to be renewed. Never rejects: what was not granted is not held. */
  obtain(tenants: readonly string[]): Promise<void>;
  /** Why an effect that takes this long must not begin now; `undefined` if it may. */
  hindrance(tenant: string, lastsMs: number): string | undefined;
  /** The tenant's epoch when the lease was granted; `undefined` without one that has any. */
  epoch?(tenant: string): number | undefined;
}

/** The answers by tenant, with epochs unless the edge is of an earlier release; or why there are none. */
export type LeaseReply =
  | { readonly answers: JsonObject; readonly epochs?: JsonObject | undefined }
  | { readonly problem: string };

/** Asks for the leases of some tenants, at this time by the cell's clock. Never rejects. */
export type AskForLeases = (tenants: readonly string[], at: number) => Promise<LeaseReply>;

export interface EdgeQuestionDeps extends TimedFetchDeps {
  readonly cell: string;
  /** The edge's origin. */
  readonly edge: string;
  readonly identityKey: PrivateKey;
}

/** Returns a function that asks the edge, and signs what it asks. */
export function edgeQuestion({ cell, edge, identityKey, ...deps }: EdgeQuestionDeps): AskForLeases {
  const sign = leaseAsker(identityKey, cell);
  return async (tenants, at) => {
    const body = JSON.stringify({ question: await sign(tenants, at) });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body } as const;
    const answer = await timedFetch(deps, edge + LEASE_PATH, init, KEEPER_LIMITS.askMs);
    if (answer.status === null) return { problem: `the edge gives ${answer.problem}` };
    const { tenants: answers, epochs } = answer.status === 200 && isJsonObject(answer.body) ? answer.body : {};
    if (!isJsonObject(answers)) return { problem: `the edge answers ${answer.status}` };
    return { answers, ...(isJsonObject(epochs) && { epochs }) };
  };
}

export interface LeaseKeeperDeps {
  readonly ask: AskForLeases;
  readonly clock: Pick<Clock, 'now'>;
  /** Notes which tenants need no lease, so that they do without the edge after a restart, too. */
  readonly state: Store;
}

interface Held {
  readonly askedAt: number;
  readonly answer: LeaseAnswer;
  readonly epoch?: number;
}

const WHY: Readonly<Record<'waits' | 'elsewhere', string>> = {
  waits: 'effects of the cell that served the tenant before may not be over',
  elsewhere: 'the cell does not serve the tenant',
};

/** Returns the leases of a process. Each process asks for itself; the directory records one end for all of them. */
export function leaseKeeper({ ask: question, state, clock }: LeaseKeeperDeps): Leases {
  const held = new BoundedCache<string, Held>(KEEPER_LIMITS.tenants);
  /** Tenant → whether its note is known to be there. */
  const noted = new BoundedCache<string, 'there' | 'not there'>(KEEPER_LIMITS.tenants);
  const underWay = new Map<string, Promise<void>>();
  let failedAt = Number.NEGATIVE_INFINITY;
  let problem = 'it has not been asked for';

  const noteKey = (tenant: string) => ({ partition: statePartition.tenant(tenant), id: 'effects' });

  const isNoted = async (tenant: string): Promise<boolean> => {
    let known = noted.get(tenant);
    if (known === undefined) {
      known = (await state.get(noteKey(tenant))) === undefined ? 'not there' : 'there';
      noted.set(tenant, known);
    }
    return known === 'there';
  };

  /** Before the answer counts: a process that starts without the edge must not find a note that is wrong. */
  const keepNote = async (tenant: string, answer: LeaseAnswer): Promise<void> => {
    const isFree = answer === 'free';
    if ((await isNoted(tenant)) === isFree) return;
    if (isFree) await state.put({ ...noteKey(tenant), body: { lease: 'free' } }, 'any');
    else await state.delete(noteKey(tenant), 'any');
    noted.set(tenant, isFree ? 'there' : 'not there');
  };

  const isFresh = (tenant: string, now: number): boolean => {
    const known = held.get(tenant);
    if (known === undefined) return false;
    const { answer, askedAt } = known;
    if (answer === 'granted' || answer === 'free') return leaseLeft(askedAt, now) >= LEASE.renewMs;
    return now >= askedAt && now - askedAt < KEEPER_LIMITS.pauseMs;
  };

  const isPausing = (now: number): boolean => now >= failedAt && now - failedAt < KEEPER_LIMITS.pauseMs;

  const ask = async (tenants: readonly string[]): Promise<void> => {
    const askedAt = clock.now();
    if (isPausing(askedAt)) return;
    const reply = await question(tenants, askedAt);
    if ('problem' in reply) {
      failedAt = clock.now();
      problem = reply.problem;
      return;
    }
    for (const tenant of tenants) {
      const said = LEASE_ANSWERS.find((each) => each === reply.answers[tenant]);
      if (said === undefined) continue;
      // Until the note is right, what was held counts no more.
      if (said !== 'free') held.set(tenant, { askedAt, answer: said === 'granted' ? 'waits' : said });
      await keepNote(tenant, said);
      const epoch = reply.epochs?.[tenant];
      held.set(tenant, { askedAt, answer: said, ...(typeof epoch === 'number' && { epoch }) });
    }
  };

  /** Without an answer of the edge, only a note helps. */
  const recall = async (tenant: string): Promise<void> => {
    if (held.get(tenant) === undefined && (await isNoted(tenant))) held.set(tenant, { askedAt: 0, answer: 'free' });
  };

  const obtainSome = async (tenants: readonly string[]): Promise<void> => {
    try {
      await ask(tenants);
      for (const tenant of tenants) await recall(tenant);
    } catch (error) {
      if (!isPortError(error)) throw error;
      problem = describeError(error).message;
    }
  };

  return {
    async obtain(tenants) {
      const now = clock.now();
      const wanted = [...new Set(tenants)].filter((tenant) => !isFresh(tenant, now));
      const others = wanted.flatMap((tenant) => underWay.get(tenant) ?? []);
      const own = wanted.filter((tenant) => !underWay.has(tenant));
      for (let from = 0; from < own.length; from += LEASE.tenants) {
        const some = own.slice(from, from + LEASE.tenants);
        const work = obtainSome(some).finally(() => {
          for (const tenant of some) underWay.delete(tenant);
        });
        for (const tenant of some) underWay.set(tenant, work);
        await work;
      }
      await Promise.all(others);
    },

    hindrance(tenant, lastsMs) {
      const known = held.get(tenant);
      if (known === undefined) return `the cell has no lease for the tenant: ${problem}`;
      if (known.answer === 'free') return undefined;
      if (known.answer !== 'granted') return WHY[known.answer];
      return leaseLeft(known.askedAt, clock.now()) >= lastsMs
        ? undefined
        : `the cell’s lease for the tenant ends, and is not renewed: ${problem}`;
    },

    epoch: (tenant) => held.get(tenant)?.epoch,
  };
}

/** Refuses a write of a home-only effect for which the lease gives no time any more; see `ConsumerDeps.permit`. */
export function permitBy(leases: Leases): (tenant: string) => void {
  return (tenant) => {
    const reason = leases.hindrance(tenant, LEASE.writeMs);
    if (reason !== undefined) throw new PortError('unavailable', `Nothing is written: ${reason}.`);
  };
}
