// Parts of a batch: for handlers that decide on some of its messages, tenant by tenant, before a consumer gets the others.
import { mapConcurrently } from '../lib/concurrently.ts';
import type { DeliveredMessage, DeliveryHandler, DeliveryOutcome } from '../ports/bus.ts';
import { describeError, isPortError } from '../ports/errors.ts';

/**
 * Works on each tenant's messages, some tenants at a time. A port error concerns the messages of its tenant alone: they are to be delivered again,
 * which is noted in `outcomes` by `deliveryId`.
 */
export async function forEachTenant(
  messages: readonly DeliveredMessage[],
  concurrency: number,
  outcomes: Map<string, DeliveryOutcome>,
  work: (tenant: string, group: readonly DeliveredMessage[]) => Promise<void>,
): Promise<void> {
  const groups = new Map<string, DeliveredMessage[]>();
  for (const message of messages) {
    const group = groups.get(message.tenant);
    if (group === undefined) groups.set(message.tenant, [message]);
    else group.push(message);
  }
  await mapConcurrently([...groups], concurrency, async ([tenant, group]) => {
    try {
      await work(tenant, group);
    } catch (error) {
      if (!isPortError(error)) throw error;
      const { code, message: reason, timedOut } = describeError(error);
      const outcome = { status: 'retry', reason: `${code}: ${reason}`, ...(timedOut && { timedOut }) } as const;
      for (const { deliveryId } of group) outcomes.set(deliveryId, outcome);
    }
  });
}

/** The outcomes of a batch in its order: those that are there by `deliveryId`, and of the other messages what the handler makes of them. */
export async function handOn(
  known: ReadonlyMap<string, DeliveryOutcome>,
  handler: DeliveryHandler,
  [messages, ...more]: Parameters<DeliveryHandler>,
): Promise<readonly DeliveryOutcome[]> {
  const rest = messages.filter(({ deliveryId }) => !known.has(deliveryId));
  const others = rest.length === 0 ? [] : await handler(rest, ...more);
  if (others.length < rest.length)
    throw new TypeError('The handler returned fewer outcomes than it was given messages.');
  const outcomes = new Map(known);
  for (const [index, outcome] of others.entries()) outcomes.set(rest[index]?.deliveryId ?? '', outcome);
  return messages.map(({ deliveryId }) => outcomes.get(deliveryId) as DeliveryOutcome);
}
