// Asks a tenant's other cell which home-only effects it has had, and notes them as claims here.
import { peerOf } from '../cell/assignment.ts';
import { LEASE } from '../cell/lease.ts';
import { BoundedCache } from '../lib/bounded-cache.ts';
import type { TimedFetchDeps } from '../lib/timed-fetch.ts';
import type { Consumer, EventIdentity } from '../pipeline/consumer.ts';
import { type PendingCopies, pendingCopies } from '../pipeline/pending.ts';
import {
  isPast,
  type NoAnswer,
  RECEIPT_LIMITS,
  RECEIPT_STATES,
  type ReceiptItem,
  type ReceiptQuestion,
  type ReceiptState,
  type Receipts,
  type Situation,
  type Standing,
  standingOf,
  type Verdict,
  verdictOf,
} from '../pipeline/receipts.ts';
import type { DeliveryOutcome } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { isPortError, type PortError } from '../ports/errors.ts';
import type { PrivateKey, PublicKey } from '../ports/keys.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type HeldAssignment, type HeldAssignments, heldAssignments } from './held-assignments.ts';
import { type ReplicaNotes, replicaNotes } from './notes.ts';
import { type PeerAddress, type PeerClient, PeerRefusal, peerClient } from './peer-client.ts';
import { replicaProver } from './replica-proof.ts';

export interface PeerReceiptsDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly consumer: Required<Pick<Consumer, 'name' | 'claimed' | 'claim'>>;
  readonly assignments: Pick<HeldAssignments, 'newest'>;
  readonly notes: Pick<ReplicaNotes, 'leased'>;
  readonly pending: Pick<PendingCopies, 'add'>;
  readonly peer: PeerClient;
  /** `leave`: copies have no effects here, as where a log is walked again: their messages are elsewhere. */
  readonly copies: 'apply' | 'leave';
  readonly clock: Clock;
}

/** What a process has for all of its consumers. */
export interface ReceiptsParts extends TimedFetchDeps {
  readonly cell: string;
  /** By which it proves who it is. */
  readonly identityKey: PrivateKey;
  /** Public keys of the edge, by which it believes assignments. */
  readonly routeKeys: readonly PublicKey[];
  readonly state: Store;
  readonly telemetry: Telemetry;
}

/** Returns a function that composes the receipts of a consumer; `undefined` for one whose effects are not claimed. */
export function receiptsOf({
  cell,
  identityKey,
  routeKeys,
  state,
  ...deps
}: ReceiptsParts): (
  consumer: Pick<Consumer, 'name' | 'claimed' | 'claim'>,
  copies?: PeerReceiptsDeps['copies'],
) => Receipts | undefined {
  const { clock } = deps;
  const notes = replicaNotes(state, clock);
  const assignments = heldAssignments({ cell, state, keys: routeKeys, notes });
  const peer = peerClient({ ...deps, prove: replicaProver(identityKey, cell, clock) });
  const pending = pendingCopies(state, clock);
  return ({ name, claimed, claim }, copies = 'apply') => {
    if (claimed === undefined || claim === undefined) return undefined;
    return peerReceipts({ cell, consumer: { name, claimed, claim }, assignments, notes, pending, peer, copies, clock });
  };
}

const DONE: DeliveryOutcome = { status: 'done' };

const TOO_LATE: DeliveryOutcome = { status: 'retry', reason: 'the deadline is near', timedOut: true };

const retry = (reason: string): DeliveryOutcome => ({ status: 'retry', reason });

/** What a process has read of a tenant. */
interface Known {
  readonly at: number;
  readonly held: HeldAssignment | undefined;
}

/** The answers of the other cell, or why there are none; `undefined` if there was no time to ask. */
type Answers = { readonly states: readonly ReceiptState[] } | Silence | undefined;

interface Silence {
  readonly answer: NoAnswer;
  readonly problem: string;
}

const HTTP_NOT_FOUND = 404;
const HTTP_TOO_MANY_REQUESTS = 429;
const HTTP_SERVER_ERROR = 500;

/** Why there is no answer. Only what is said in the API's own form is said by the cell: what stands before a lost one answers, too. */
function silenceOf(error: PortError): Silence {
  const problem = error.message;
  if (!(error instanceof PeerRefusal) || error.said === undefined) return { answer: 'none', problem };
  if (error.status === HTTP_NOT_FOUND) return { answer: 'earlier', problem };
  const isOut = error.status >= HTTP_SERVER_ERROR || error.status === HTTP_TOO_MANY_REQUESTS;
  return { answer: isOut ? 'none' : 'refused', problem };
}

/** Returns what a consumer of home-only effects knows of the other cell; one for each consumer and process. */
export function peerReceipts(deps: PeerReceiptsDeps): Receipts {
  const { cell, consumer, assignments, notes, clock } = deps;
  const known = new BoundedCache<string, Known>(RECEIPT_LIMITS.tenants);
  /** By cell, and by cell and tenant: until when it is not asked, and what is gone by. */
  const silences = new BoundedCache<string, Silence & { readonly until: number }>(RECEIPT_LIMITS.pauses);
  /** By cell: the tenants whose questions had no answer since it answered last. */
  const unanswered = new BoundedCache<string, Set<string>>(RECEIPT_LIMITS.pauses);
  /** Tenant and epoch → since when nothing is missing of which the other cell has had effects; that stays so. */
  const settled = new BoundedCache<string, number>(RECEIPT_LIMITS.tenants);

  /** The newest assignment; read again if it is not the one of the lease. */
  const heldOf = async (tenant: string, epoch: number | undefined): Promise<HeldAssignment | undefined> => {
    const now = clock.now();
    const remembered = known.get(tenant);
    const isFresh = remembered !== undefined && Math.abs(now - remembered.at) < RECEIPT_LIMITS.rememberedMs;
    if (isFresh && (epoch === undefined || remembered.held?.assignment.epoch === epoch)) return remembered.held;
    const held = await assignments.newest(tenant);
    known.set(tenant, { at: now, held });
    return held;
  };

  /** Since when nothing is missing of which the other cell has had effects; `null` if that is not known. */
  const settledAt = async (tenant: string, peer: string, epoch: number): Promise<number | null> => {
    const key = `${tenant} ${peer} ${epoch}`;
    const remembered = settled.get(key);
    if (remembered !== undefined) return remembered;
    const settlement = await notes.leased(tenant, peer, epoch);
    if (settlement.settledAt !== null) settled.set(key, settlement.settledAt);
    return settlement.settledAt;
  };

  /** A silence is its tenant's: that cell may be at work for others. Several in a row, or an earlier release, are the cell's. */
  const keepSilence = (id: string, tenant: string, why: Silence): void => {
    const silence = { ...why, until: clock.now() + RECEIPT_LIMITS.pauseMs };
    const silent = unanswered.get(id) ?? new Set();
    if (why.answer === 'none') silent.add(tenant);
    else silent.clear();
    unanswered.set(id, silent);
    const isOfCell = why.answer === 'earlier' || silent.size >= RECEIPT_LIMITS.silentTenants;
    if (isOfCell) silent.clear();
    silences.set(isOfCell ? id : `${id} ${tenant}`, silence);
  };

  const ask = async (address: PeerAddress, events: readonly EventIdentity[], deadline: number): Promise<Answers> => {
    const { id } = address.to;
    const known = [silences.get(id), silences.get(`${id} ${address.tenant}`)];
    const silence = known.find((each) => each !== undefined && clock.now() < each.until);
    if (silence !== undefined) return silence;
    const states: ReceiptState[] = [];
    for (let from = 0; from < events.length; from += RECEIPT_LIMITS.events) {
      const left = deadline - RECEIPT_LIMITS.marginMs - clock.now();
      if (left < RECEIPT_LIMITS.leastMs) return undefined;
      const some = events.slice(from, from + RECEIPT_LIMITS.events);
      try {
        const content = { consumer: consumer.name, events: some };
        const { found } = await deps.peer(address, 'receipts', content, Math.min(left, RECEIPT_LIMITS.requestMs));
        unanswered.set(id, new Set());
        const said = Array.isArray(found.states) ? found.states.map(stateOf) : [];
        if (said.length !== some.length)
          return { answer: 'refused', problem: `${id} answers otherwise than it was asked` };
        states.push(...said);
      } catch (error) {
        if (!isPortError(error, 'unavailable')) throw error;
        const why = silenceOf(error);
        // Too little time is no sign of a lost cell.
        if (why.answer === 'none' && !(error instanceof PeerRefusal) && left < RECEIPT_LIMITS.requestMs)
          return undefined;
        keepSilence(id, address.tenant, why);
        return why;
      }
    }
    return { states };
  };

  const situationsOf = async (
    { tenant, items, hindrance, epoch }: ReceiptQuestion,
    standing: Standing,
    held: HeldAssignment | undefined,
  ): Promise<Situation[]> => {
    const isLeased = hindrance === undefined;
    const peer = held && peerOf(held.assignment, cell)?.id;
    const canSettle = isLeased && peer !== undefined && (standing === 'home' || standing === 'standby');
    const since = canSettle ? await settledAt(tenant, peer, epoch ?? held?.assignment.epoch ?? 0) : null;
    const now = clock.now();
    return items.map((item) => {
      const { origin, acceptedAt } = item;
      const isOwn = origin === undefined || origin === cell;
      return {
        ...{ standing, isLeased, isOwn },
        isPast: !isOwn && isPast(item, now),
        isSettled: isOwn && since !== null && acceptedAt !== undefined && acceptedAt > since + LEASE.skewMs,
      };
    });
  };

  /** A verdict as it counts here: where a log is walked again, a copy ends with its receipt, or without. */
  const countsAs = (verdict: Verdict, { isOwn }: Situation): Verdict =>
    deps.copies === 'leave' && !isOwn && (verdict === 'apply' || verdict === 'wait') ? 'leave' : verdict;

  /** The verdicts once the other cell was asked about those that need it, and why what waits does. */
  const answered = async (
    { tenant, items, hindrance, deadline }: ReceiptQuestion,
    held: HeldAssignment | undefined,
    situations: readonly Situation[],
  ): Promise<{
    readonly verdicts: readonly (Verdict | 'late')[];
    readonly reason: string;
    readonly wasAsked: boolean;
  }> => {
    const first = situations.map((situation) => countsAs(verdictOf(situation), situation));
    const asked = first.flatMap((verdict, index) => (verdict === 'ask' ? [index] : []));
    const to = held && peerOf(held.assignment, cell);
    const untold = 'the cell has not been told yet which cells are the tenant’s under its lease';
    if (asked.length === 0 || to === undefined)
      return { verdicts: first, reason: hindrance ?? untold, wasAsked: false };
    const events = asked.map((index) => identityOf(items[index] as ReceiptItem));
    const answers = await ask({ to, tenant, signed: held?.signed ?? '' }, events, deadline);
    const verdicts: (Verdict | 'late')[] = [...first];
    for (const [place, index] of asked.entries()) {
      const situation = situations[index] as Situation;
      const answer = answers && ('answer' in answers ? answers.answer : answers.states[place]);
      verdicts[index] = answer === undefined ? 'late' : countsAs(verdictOf({ ...situation, answer }), situation);
    }
    const unknown =
      answers !== undefined && 'problem' in answers
        ? `whether ${to.id} has had the effect is not known: ${answers.problem}`
        : `${to.id} has erased the event, and this cell will`;
    return { verdicts, reason: hindrance ?? unknown, wasAsked: true };
  };

  return {
    async judge(question) {
      const { tenant, items, hindrance, epoch } = question;
      const held = await heldOf(tenant, epoch);
      const standing = standingOf(held?.assignment, cell, hindrance === undefined ? { epoch } : undefined);
      const { verdicts, reason, wasAsked } = await answered(
        question,
        held,
        await situationsOf(question, standing, held),
      );
      const those = (wanted: Verdict): readonly ReceiptItem[] => items.filter((_, index) => verdicts[index] === wanted);
      const receipts = those('receipt');
      const peer = held && peerOf(held.assignment, cell);
      if (receipts.length > 0) await consumer.claim(tenant, receipts.map(identityOf), peer?.id ?? '');
      // What was heard before stands, also while the other cell is away.
      const waiting = those('wait');
      const claimed = waiting.length === 0 ? [] : await consumer.claimed(tenant, waiting.map(identityOf));
      const known = new Set(waiting.filter((_, place) => claimed[place] === true));
      const outcomeOf = (item: ReceiptItem, verdict: Verdict | 'late' | undefined): DeliveryOutcome | 'apply' => {
        if (verdict === 'apply') return 'apply';
        if (verdict === 'late') return TOO_LATE;
        return verdict === 'wait' && !known.has(item) ? retry(reason) : DONE;
      };
      const outcomes = items.map((item, index) => [item.deliveryId, outcomeOf(item, verdicts[index])] as const);
      return { verdicts: new Map(outcomes), wasAsked };
    },

    async defer(tenant, copies) {
      // Where a log is walked again, their messages are elsewhere.
      if (deps.copies === 'leave') return;
      const waiting = copies.filter((copy) => !isPast(copy, clock.now()));
      if (waiting.length > 0) await deps.pending.add(consumer.name, tenant, waiting);
    },
  };
}

const identityOf = ({ subject, id }: ReceiptItem): EventIdentity => ({ subject, id });

/** What a cell of another release says otherwise counts as no receipt, and as no permission. */
const stateOf = (value: unknown): ReceiptState => RECEIPT_STATES.find((state) => state === value) ?? 'erased';
