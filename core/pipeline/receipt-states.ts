// Answers another cell of a tenant which home-only effects have happened here, by the claims of the consumer, and notes which have happened there.
import { eventKey, logPartition } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import type { Log } from '../ports/log.ts';
import type { Store } from '../ports/store.ts';
import { CLAIM_LIMITS } from './claiming-consumer.ts';
import type { Consumer, EventIdentity } from './consumer.ts';
import { type ParkedEvent, parkedKey } from './parking.ts';
import type { ReceiptState } from './receipts.ts';
import type { Tombstones } from './tombstones.ts';

export interface ReceiptStatesDeps {
  /** A consumer of home-only effects that are claimed; `undefined` for any other name. */
  readonly consumerNamed: (name: string) => Pick<Consumer, 'claimed'> | undefined;
  readonly state: Store;
  readonly tombstones: Pick<Tombstones, 'of'>;
}

/** What the consumer knows of these events of a tenant, in their order. Rejects with the store's error. */
export type ReceiptStates = (
  tenant: string,
  consumer: string,
  events: readonly EventIdentity[],
) => Promise<readonly ReceiptState[]>;

/** Returns the use case. It reads with strong consistency: the cell that asks holds the lease, so that nothing is claimed any more that is not yet. */
export function receiptStates({ consumerNamed, state, tombstones }: ReceiptStatesDeps): ReceiptStates {
  return async (tenant, consumer, events) => {
    const claimed = await consumerNamed(consumer)?.claimed?.(tenant, events);
    if (claimed === undefined) return events.map(() => 'unknown');
    const erased = await tombstones.of(
      tenant,
      events.map(({ subject }) => subject),
    );
    return mapConcurrently(events, CLAIM_LIMITS.concurrentReads, async ({ subject, id }, index) => {
      if (claimed[index] === true) return 'claimed';
      if (erased.covers(subject, id)) return 'erased';
      const key = parkedKey(consumer, tenant, { partition: logPartition(tenant, subject), id });
      return (await state.get(key)) === undefined ? 'unclaimed' : 'parked';
    });
  };
}

export interface HeardFromDeps {
  readonly consumerNamed: (name: string) => Pick<Consumer, 'claim'> | undefined;
  readonly tombstones: Pick<Tombstones, 'of'>;
  readonly log: Log;
}

/**
 * Notes that the effects of these events have happened, as another cell says, and resolves with what is known of them then: of a consumer that
 * there is not, nothing is noted, nor of erased events. Rejects with the store's error.
 */
export type HeardFrom = (
  tenant: string,
  consumer: string,
  events: readonly EventIdentity[],
  sender: string,
) => Promise<readonly ReceiptState[]>;

/** Returns the use case. */
export function heardFrom({ consumerNamed, tombstones, log }: HeardFromDeps): HeardFrom {
  return async (tenant, consumer, events, sender) => {
    const named = consumerNamed(consumer);
    if (named?.claim === undefined) return events.map(() => 'unknown');
    const erased = await tombstones.of(
      tenant,
      events.map(({ subject }) => subject),
    );
    const isErased = ({ subject, id }: EventIdentity): boolean => erased.covers(subject, id);
    const some = events.filter((event) => !isErased(event));
    await named.claim(tenant, some, sender);
    log.info('another cell says which effects have happened there', { tenant, consumer, sender, events: some.length });
    return events.map((event) => (isErased(event) ? 'erased' : 'claimed'));
  };
}

/** Who says of a dropped event that it has had its effect. */
const OPERATOR = 'an operator';

/** Returns a function that notes of a parked event that its effect is not to happen any more, here or in another cell: dropping it leaves no other trace. */
export const droppedBy =
  (consumerNamed: HeardFromDeps['consumerNamed']) =>
  async ({ consumer, tenant, event }: ParkedEvent): Promise<void> => {
    const claim = consumerNamed(consumer)?.claim;
    if (claim === undefined || event === undefined) return;
    await claim(tenant, [{ subject: event.subject, id: eventKey(tenant, event).id }], OPERATOR);
  };
