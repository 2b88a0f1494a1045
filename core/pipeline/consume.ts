// Consume: hands a batch to a consumer, isolates the events it cannot process, and parks them without harm to the others.

import type { Leases } from '../cell/lease-keeper.ts';
import { CONSUMER_DEFAULTS, type ConsumerDeclaration } from '../cell/topology.ts';
import { SoloGate } from '../lib/solo-gate.ts';
import type { DeliveredMessage, DeliveryHandler, DeliveryOutcome, UnreadableMessage } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { describeError, isPortError, PERMANENT, type PortError, stackOf } from '../ports/errors.ts';
import type { Log } from '../ports/log.ts';
import { type Admission, admission } from './admission.ts';
import type { Consumer } from './consumer.ts';
import type { CrashMarkers, Suspect } from './crash-markers.ts';
import { type Shares, sharesOf } from './fair-share.ts';
import { type Parking, tenantForParking } from './parking.ts';
import type { Receipts } from './receipts.ts';

export const CONSUME_LIMITS = {
  /** No new work is begun this close to the instant at which the platform kills the function, in milliseconds. */
  deadlineMarginMs: 1500,
  /** A suspect is tried only with this much time, as a share of what the consumer's function has, … */
  soloShare: 1 / 4,
  /** … and is left this long before the platform's deadline, 7 s of 20, so that its note can be taken back, by a store that is slow as well. */
  forgivingShare: 7 / 20,
  /** A suspect that was left is excused if requests to the store were under way for this share of its time. */
  storeShare: 1 / 2,
  /** The pause between attempts to take a note back. */
  forgivingPauseMs: 500,
} as const;

export interface ConsumeDeps {
  readonly consumer: Consumer;
  /** The id of this cell. */
  readonly cell: string;
  readonly declaration: Pick<ConsumerDeclaration, 'tries' | 'crashes' | 'effects'> &
    Partial<Pick<ConsumerDeclaration, 'timeoutSeconds'>>;
  readonly parking: Parking;
  /** Milliseconds in which requests of this consumer to the store were under way (`storeTime`). Without it, slowness is taken for its own. */
  readonly storeMs?: (() => number) | undefined;
  readonly trials: CrashMarkers;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * One for all consumers that share a process, so that none works while a suspect of another is tried: if the process ends then, it was
   * the suspect. By default the consumer has its process for itself.
   */
  readonly gate?: SoloGate;
  /** For a consumer of home-only effects; without them, these happen wherever their events are, as in earlier versions. */
  readonly leases?: Leases | undefined;
  /** What is known of effects in other cells; without it, home-only effects happen in the cell that has accepted their events. */
  readonly receipts?: Receipts | undefined;
}

const DONE: DeliveryOutcome = { status: 'done' };

const TOO_LATE: DeliveryOutcome = { status: 'retry', reason: 'the deadline is near', timedOut: true };
const STUCK: DeliveryOutcome = { status: 'retry', reason: 'it did not finish in time', timedOut: true };

const USED_UP: DeliveryOutcome = {
  status: 'retry',
  reason: 'the tenant has had its share of the batch’s time',
  timedOut: true,
};

/**
 * Returns the delivery handler of a consumer. An event fails alone: when a batch cannot be applied, each of its events is
 * tried alone, and one that fails `tries` times through its own fault is parked. A fault of the store or the bus parks
 * nothing; the messages are delivered again. Redelivered messages may have killed the process that held them, so they go
 * through `CrashMarkers`, which find the one that did. Tenants share a batch's time (`SHARE_LIMITS`): one that is slow or poisonous
 * delays its own events. Home-only effects begin under a lease only.
 */
export function consume(deps: ConsumeDeps): DeliveryHandler {
  const { consumer, declaration, clock, log, gate = new SoloGate(), leases, storeMs = () => 0 } = deps;
  const { cell, receipts } = deps;
  const declaredMs = (declaration.timeoutSeconds ?? CONSUMER_DEFAULTS.timeoutSeconds) * 1000;
  const admit = admission({ cell, effects: declaration.effects, leases, receipts, clock });

  return async (messages, deadline, limitMs = declaredMs) => {
    const outcomes = new Map<string, DeliveryOutcome>();
    const functionMs = Math.min(declaredMs, limitMs);
    const shares = sharesOf(new Set(messages.map(({ tenant = '' }) => tenant)), clock);
    const tooLate = (tenant: string): DeliveryOutcome | undefined => {
      if (clock.now() > deadline - CONSUME_LIMITS.deadlineMarginMs) return TOO_LATE;
      return shares.isUsedUp(tenant) ? USED_UP : undefined;
    };
    let admitted: Admission | undefined;
    const notNow = (tenant: string): DeliveryOutcome | undefined => tooLate(tenant) ?? admitted?.hindrance(tenant);

    const applyGroup = async ({ tenant, messages: group }: Group) => {
      await leases?.obtain([tenant]);
      const early = notNow(tenant);
      if (early !== undefined) {
        for (const message of group) outcomes.set(message.deliveryId, early);
        return;
      }
      const failure = await attempt(() => shares.charge(tenant, () => consumer.apply(group)));
      if (failure !== null && !isServiceFault(failure)) {
        for (const message of group) {
          await leases?.obtain([tenant]);
          outcomes.set(message.deliveryId, notNow(tenant) ?? (await shares.charge(tenant, () => applyAlone(message))));
        }
        return;
      }
      const outcome = failure === null ? DONE : retryAfter(failure);
      for (const message of group) outcomes.set(message.deliveryId, outcome);
    };

    const readable: DeliveredMessage[] = [];
    await gate.together(async () => {
      const events: DeliveredMessage[] = [];
      for (const message of messages) {
        if ('unreadable' in message)
          outcomes.set(message.deliveryId, tooLate(message.tenant ?? '') ?? (await parkUnreadable(message)));
        else events.push(message);
      }
      admitted = admit(events, deadline, shares);
      const others = await admitted.each(async (ready) => {
        readable.push(...ready);
        const fresh = ready.filter((message) => message.attempt <= 1);
        await shares.each(groupBySubject(fresh), applyGroup);
      });
      for (const [deliveryId, outcome] of others) outcomes.set(deliveryId, outcome);
    });

    const redelivered = readable.filter((message) => message.attempt > 1);
    if (redelivered.length > 0)
      await applyRedelivered(redelivered, { shares, notNow, applyGroup, outcomes, deadline, functionMs });

    const answers = messages.map((message) => outcomes.get(message.deliveryId) ?? retry('it was not reached'));
    tellRetries(answers);
    return answers;
  };

  /** One line for each reason, however many messages of the batch share it. */
  function tellRetries(answers: readonly DeliveryOutcome[]): void {
    const byReason = new Map<string, { events: number; timedOut?: true }>();
    for (const answer of answers) {
      if (answer.status === 'done') continue;
      const { reason, timedOut } = answer;
      byReason.set(reason, { events: (byReason.get(reason)?.events ?? 0) + 1, ...(timedOut && { timedOut }) });
    }
    for (const [reason, { events, timedOut }] of byReason) {
      log.warn('events could not be applied now and will be delivered again', {
        consumer: consumer.name,
        events,
        of: answers.length,
        reason,
        ...(timedOut && { timedOut }),
      });
    }
  }

  /** One event alone, `tries` times, then parked; the faults of services do not count. */
  async function applyAlone(message: DeliveredMessage): Promise<DeliveryOutcome> {
    let last: unknown;
    for (let tried = 0; tried < declaration.tries; tried += 1) {
      last = await attempt(() => consumer.apply([message]));
      if (last === null) return DONE;
      if (isServiceFault(last)) return retryAfter(last);
    }
    return park(message, describeError(last), stackOf(last));
  }

  async function park(
    message: DeliveredMessage,
    reason: { code: string; message: string },
    where: { stack?: string } = {},
  ): Promise<DeliveryOutcome> {
    const { tenant, event, origin, acceptedAt } = message;
    const failure = await attempt(() =>
      deps.parking.park({ consumer: consumer.name, tenant, event, origin, acceptedAt, reason }),
    );
    if (failure !== null) return retryAfter(failure);
    log.error('parked an event', {
      consumer: consumer.name,
      tenant,
      type: event.type,
      id: event.id,
      source: event.source,
      ...(event.traceparent !== undefined && { traceparent: event.traceparent }),
      ...reason,
      ...where,
    });
    return DONE;
  }

  async function parkUnreadable(message: UnreadableMessage): Promise<DeliveryOutcome> {
    const reason = { code: 'unreadable', message: message.unreadable };
    const failure = await attempt(() =>
      deps.parking.park({
        consumer: consumer.name,
        tenant: tenantForParking(message.tenant),
        event: undefined,
        subject: message.text,
        reason,
      }),
    );
    if (failure !== null) return retryAfter(failure);
    log.error('parked a message that is no event', { consumer: consumer.name, ...reason });
    return DONE;
  }

  async function applyRedelivered(
    messages: readonly DeliveredMessage[],
    { shares, notNow, applyGroup, outcomes, deadline, functionMs }: Batch,
  ): Promise<void> {
    const suspects: Suspect[] = [];
    // Marked behind the gate: what still waits there when the process ends is no suspect.
    await gate.together(async () => {
      let started: Awaited<ReturnType<CrashMarkers['mark']>>;
      try {
        started = await deps.trials.mark(consumer.name, messages);
      } catch (error) {
        if (!isPortError(error)) throw error;
        for (const message of messages) outcomes.set(message.deliveryId, retryAfter(error));
        return;
      }
      suspects.push(...started.suspects);
      await shares.each(groupBySubject(started.clear), applyGroup);
      await forgive(started.clear);
    });
    for (const suspect of suspects) {
      const { tenant } = suspect.messages[0];
      await leases?.obtain([tenant]);
      const outcome = await gate.alone(
        async () => notNow(tenant) ?? (await shares.charge(tenant, () => tryAlone(suspect, deadline, functionMs))),
      );
      for (const message of suspect.messages) outcomes.set(message.deliveryId, outcome);
    }
  }

  /**
   * A suspect that the process survives is forgiven at once: were that left until its batch is over, a killer further down
   * would have it counted as a death of this one. The note of one that was not tried stays as it is.
   */
  async function tryAlone(suspect: Suspect, deadline: number, functionMs: number): Promise<DeliveryOutcome> {
    const [message] = suspect.messages;
    // A process that the platform ends would look like one that crashed.
    const left = () => deadline - CONSUME_LIMITS.forgivingShare * functionMs - clock.now();
    if (left() < CONSUME_LIMITS.soloShare * functionMs) return TOO_LATE;
    if (suspect.crashes >= declaration.crashes) {
      const outcome = await park(message, {
        code: 'crashed',
        message: `The worker ended ${suspect.crashes} times, or did not finish, while it handled this event alone.`,
      });
      if (outcome.status === 'done') await forgive([message]);
      return outcome;
    }
    const failure = await attempt(() => deps.trials.attempt(suspect));
    // Noted or not: what may have been noted is tried, so that each note but a killer's is followed by its removal.
    if (failure !== null && !isPortError(failure, 'unknown-outcome')) return retryAfter(failure);
    const [began, busyMs] = [clock.now(), storeMs()];
    const outcome =
      left() > 0 ? await Promise.race([applyAlone(message), clock.sleep(left()).then(() => STUCK)]) : TOO_LATE;
    const isAtFault = outcome === STUCK && storeMs() - busyMs < CONSUME_LIMITS.storeShare * (clock.now() - began);
    if (!isAtFault) await forgive([message], deadline);
    return outcome;
  }

  /** Takes notes back. While the store is slow it is asked again for as long as the function may last. */
  async function forgive(messages: readonly DeliveredMessage[], until?: number): Promise<void> {
    for (;;) {
      const failure = await attempt(() => deps.trials.clear(consumer.name, messages));
      if (failure === null) return;
      if (until === undefined || clock.now() > until - CONSUME_LIMITS.deadlineMarginMs) {
        log.warn('crash markers could not be removed', { consumer: consumer.name, ...describeError(failure) });
        return;
      }
      await clock.sleep(CONSUME_LIMITS.forgivingPauseMs);
    }
  }
}

/** A fault of the store, the bus or the cell's set-up: it says nothing about the event, so it parks nothing. */
const isServiceFault = (error: unknown): error is PortError => isPortError(error) && !PERMANENT[error.code];

const retry = (reason: string): DeliveryOutcome => ({ status: 'retry', reason });

/** Deliver again because of a failure; failures that are slowness alone are marked. */
function retryAfter(failure: unknown): DeliveryOutcome {
  const { code, message, timedOut } = describeError(failure);
  return { status: 'retry', reason: `${code}: ${message}`, ...(timedOut && { timedOut }) };
}

/** `null` on success, else what was thrown. */
async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return null;
  } catch (error) {
    return error ?? new Error('an empty value was thrown');
  }
}

/** Events of one subject of one tenant. */
interface Group {
  readonly tenant: string;
  readonly messages: DeliveredMessage[];
}

/** What the parts of a batch share. */
interface Batch {
  readonly shares: Shares;
  /** The outcome for a tenant's events for which there is no time any more. */
  readonly notNow: (tenant: string) => DeliveryOutcome | undefined;
  readonly applyGroup: (group: Group) => Promise<void>;
  /** When the platform ends the function. */
  readonly deadline: number;
  /** How long the function has in all. */
  readonly functionMs: number;
  readonly outcomes: Map<string, DeliveryOutcome>;
}

/** Events of one subject are applied together; those of different subjects have nothing to do with each other. */
function groupBySubject(messages: readonly DeliveredMessage[]): Group[] {
  const groups = new Map<string, Group>();
  for (const message of messages) {
    const { tenant } = message;
    const key = `${tenant}|${message.event.subject}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { tenant, messages: [message] });
    else group.messages.push(message);
  }
  return [...groups.values()];
}
