// Admits messages of a batch: those whose effects may begin in this cell now; the others wait for a lease, or are another cell's.
import { LEASE } from '../cell/lease.ts';
import type { Leases } from '../cell/lease-keeper.ts';
import type { ConsumerDeclaration } from '../cell/topology.ts';
import type { DeliveredMessage, DeliveryOutcome } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { forEachTenant } from './batch-parts.ts';
import type { Shares } from './fair-share.ts';
import { itemOf, RECEIPT_LIMITS, type Receipts } from './receipts.ts';

export interface AdmissionDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly effects: ConsumerDeclaration['effects'];
  readonly leases: Leases | undefined;
  readonly receipts: Receipts | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

/** What begins of one batch, tenant by tenant. */
export interface Admission {
  /**
   * Calls `begin` with the messages of each tenant whose effects may begin, as soon as that is known: it waits for no other tenant's cell. Resolves
   * once all of it is over, with what becomes of the other messages, by `deliveryId`. Rejects with nothing but what is no port error.
   */
  each(begin: (ready: readonly DeliveredMessage[]) => Promise<void>): Promise<ReadonlyMap<string, DeliveryOutcome>>;
  /** Why no effect of the tenant may begin any more; `undefined` if it may. Asked again before each. */
  hindrance(tenant: string): DeliveryOutcome | undefined;
}

const DONE: DeliveryOutcome = { status: 'done' };

const retry = (reason: string): DeliveryOutcome => ({ status: 'retry', reason });

const tenantsOf = (messages: readonly DeliveredMessage[]): readonly string[] => messages.map(({ tenant }) => tenant);

/**
 * Returns the function. Without receipts an effect happens in the cell that has accepted the event, as in earlier releases. What waits is
 * delivered again, and that counts against no limit of parking. Asking about a tenant's messages is part of its share of the batch's time.
 */
export function admission({
  cell,
  effects,
  leases,
  receipts,
  clock,
}: AdmissionDeps): (
  messages: readonly DeliveredMessage[],
  deadline: number,
  shares: Pick<Shares, 'charge'>,
) => Admission {
  const isCopy = ({ origin }: DeliveredMessage): boolean =>
    effects === 'home-only' && origin !== undefined && origin !== cell;
  const unleased = (tenant: string): string | undefined => leases?.hindrance(tenant, LEASE.effectMs);

  return (messages, deadline, shares) => {
    const outcomes = new Map<string, DeliveryOutcome>();
    /** Tenant → until when the other cell's answers count. */
    const counts = new Map<string, number>();
    const [copies, own] = [messages.filter(isCopy), messages.filter((message) => !isCopy(message))];

    /** Hears of the other cell, and returns what may begin. */
    const judge = async (
      tenant: string,
      group: readonly DeliveredMessage[],
      of: Receipts,
    ): Promise<readonly DeliveredMessage[]> => {
      const [at, epoch] = [clock.now(), leases?.epoch?.(tenant)];
      const question = { tenant, items: group.map(itemOf), hindrance: unleased(tenant), epoch, deadline };
      const { verdicts, wasAsked } = await of.judge(question);
      if (wasAsked) counts.set(tenant, at + RECEIPT_LIMITS.answeredMs);
      const ready: DeliveredMessage[] = [];
      for (const message of group) {
        const verdict = verdicts.get(message.deliveryId) ?? retry('it was not judged');
        if (verdict === 'apply') ready.push(message);
        else outcomes.set(message.deliveryId, verdict);
      }
      return ready;
    };

    /** What may begin of a tenant. What waits of its copies does so in the store, and not in the queue, where it would stand before others. */
    const admit = async (
      tenant: string,
      group: readonly DeliveredMessage[],
      of: Receipts,
    ): Promise<readonly DeliveredMessage[]> => {
      const isLeased = unleased(tenant) === undefined;
      const judged = group.filter((message) => isLeased || !isCopy(message));
      const ready = judged.length === 0 ? [] : await judge(tenant, judged, of);
      const waiting = group.filter(
        (message) => isCopy(message) && !ready.includes(message) && outcomes.get(message.deliveryId)?.status !== 'done',
      );
      if (waiting.length > 0) await of.defer(tenant, waiting.map(itemOf));
      for (const { deliveryId } of waiting) outcomes.set(deliveryId, DONE);
      return ready;
    };

    return {
      hindrance(tenant) {
        const reason = unleased(tenant);
        if (reason !== undefined) return retry(reason);
        return clock.now() > (counts.get(tenant) ?? Number.POSITIVE_INFINITY)
          ? retry('the tenant’s other cell was asked too long ago')
          : undefined;
      },

      async each(begin) {
        if (leases === undefined || receipts === undefined) {
          for (const { deliveryId } of copies) outcomes.set(deliveryId, DONE);
          await leases?.obtain(tenantsOf(own));
          for (const { tenant, deliveryId } of own) {
            const reason = unleased(tenant);
            if (reason !== undefined) outcomes.set(deliveryId, retry(reason));
          }
          await begin(own.filter(({ deliveryId }) => !outcomes.has(deliveryId)));
          return outcomes;
        }
        // For copies no lease is asked for, unless they are sent to be acted on: a standby asks the edge for none as long as its home is at work.
        const sent = copies.filter(({ consumer }) => consumer !== undefined);
        await leases.obtain(tenantsOf([...own, ...sent]));
        const begun: Promise<readonly unknown[]>[] = [];
        const asked = forEachTenant(messages, RECEIPT_LIMITS.concurrentTenants, outcomes, async (tenant, group) => {
          const ready = await shares.charge(tenant, () => admit(tenant, group, receipts));
          // The next tenant is asked for meanwhile.
          begun.push(
            begin(ready).then(
              () => [],
              (error: unknown) => [error],
            ),
          );
        });
        const faults = await asked.then(
          () => [],
          (error: unknown) => [error],
        );
        // Whatever has begun is waited for: a batch that is over has no effects under way.
        const [fault] = [...faults, ...(await Promise.all(begun)).flat()];
        if (fault !== undefined) throw fault;
        return outcomes;
      },
    };
  };
}
