// Admits messages of a batch: those whose effects may begin in this cell now; the others wait for a lease, or are another cell's.
import { LEASE } from '../cell/lease.ts';
import type { Leases } from '../cell/lease-keeper.ts';
import type { ConsumerDeclaration } from '../cell/topology.ts';
import type { DeliveredMessage, DeliveryOutcome } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { forEachTenant } from './batch-parts.ts';
import { itemOf, RECEIPT_LIMITS, type Receipts } from './receipts.ts';

export interface AdmissionDeps {
  /** The id of this cell. */
  readonly cell: string;
  readonly effects: ConsumerDeclaration['effects'];
  readonly leases: Leases | undefined;
  readonly receipts: Receipts | undefined;
  readonly clock: Pick<Clock, 'now'>;
}

export interface Admitted {
  /** Messages whose effects may begin now. */
  readonly ready: readonly DeliveredMessage[];
  /** What becomes of the others, by `deliveryId`. */
  readonly outcomes: ReadonlyMap<string, DeliveryOutcome>;
  /** Why no effect of the tenant may begin any more; `undefined` if it may. Asked again before each. */
  hindrance(tenant: string): DeliveryOutcome | undefined;
}

const DONE: DeliveryOutcome = { status: 'done' };

const retry = (reason: string): DeliveryOutcome => ({ status: 'retry', reason });

const tenantsOf = (messages: readonly DeliveredMessage[]): readonly string[] => messages.map(({ tenant }) => tenant);

/**
 * Returns the function. Without receipts an effect happens in the cell that has accepted the event, as in earlier releases. What waits is
 * delivered again, and that counts against no limit of parking. It rejects with nothing but what is no port error.
 */
export function admission({
  cell,
  effects,
  leases,
  receipts,
  clock,
}: AdmissionDeps): (messages: readonly DeliveredMessage[], deadline: number) => Promise<Admitted> {
  const isCopy = ({ origin }: DeliveredMessage): boolean =>
    effects === 'home-only' && origin !== undefined && origin !== cell;
  const unleased = (tenant: string): string | undefined => leases?.hindrance(tenant, LEASE.effectMs);

  return async (messages, deadline) => {
    const outcomes = new Map<string, DeliveryOutcome>();
    const ready: DeliveredMessage[] = [];
    /** Tenant → until when the other cell's answers count. */
    const counts = new Map<string, number>();
    const admitted: Admitted = {
      ready,
      outcomes,
      hindrance(tenant) {
        const reason = unleased(tenant);
        if (reason !== undefined) return retry(reason);
        return clock.now() > (counts.get(tenant) ?? Number.POSITIVE_INFINITY)
          ? retry('the tenant’s other cell was asked too long ago')
          : undefined;
      },
    };

    const byTenant = (
      some: readonly DeliveredMessage[],
      work: (tenant: string, group: readonly DeliveredMessage[]) => Promise<void>,
    ): Promise<void> => forEachTenant(some, RECEIPT_LIMITS.concurrentTenants, outcomes, work);

    /** Hears of the other cells. */
    const judge = (some: readonly DeliveredMessage[], of: Receipts): Promise<void> =>
      byTenant(some, async (tenant, group) => {
        const [at, epoch] = [clock.now(), leases?.epoch?.(tenant)];
        const question = { tenant, items: group.map(itemOf), hindrance: unleased(tenant), epoch, deadline };
        const { verdicts, wasAsked } = await of.judge(question);
        if (wasAsked) counts.set(tenant, at + RECEIPT_LIMITS.answeredMs);
        for (const message of group) {
          const verdict = verdicts.get(message.deliveryId) ?? retry('it was not judged');
          if (verdict === 'apply') ready.push(message);
          else outcomes.set(message.deliveryId, verdict);
        }
      });

    const defer = (copies: readonly DeliveredMessage[], of: Receipts): Promise<void> =>
      byTenant(copies, async (tenant, group) => {
        await of.defer(tenant, group.map(itemOf));
        for (const { deliveryId } of group) outcomes.set(deliveryId, DONE);
      });

    if (leases === undefined || receipts === undefined) {
      for (const message of messages) if (isCopy(message)) outcomes.set(message.deliveryId, DONE);
      const own = messages.filter((message) => !isCopy(message));
      await leases?.obtain(tenantsOf(own));
      for (const message of own) {
        const reason = unleased(message.tenant);
        if (reason === undefined) ready.push(message);
        else outcomes.set(message.deliveryId, retry(reason));
      }
      return admitted;
    }

    const [copies, own] = [messages.filter(isCopy), messages.filter((message) => !isCopy(message))];
    // For copies no lease is asked for, unless they are sent to be acted on: a standby asks the edge for none as long as its home is at work.
    const sent = copies.filter(({ consumer }) => consumer !== undefined);
    await leases.obtain(tenantsOf([...own, ...sent]));
    const isLeased = ({ tenant }: DeliveredMessage): boolean => unleased(tenant) === undefined;
    await judge([...copies.filter(isLeased), ...own], receipts);
    // What waits does so in the store, and not in the queue, where it would stand before others.
    await defer(
      copies.filter(
        ({ deliveryId }) =>
          !ready.some((each) => each.deliveryId === deliveryId) && outcomes.get(deliveryId)?.status !== 'done',
      ),
      receipts,
    );
    return admitted;
  };
}
