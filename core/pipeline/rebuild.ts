// Rebuild: derives the state of a tenant from its log again.
import { statePartition } from '../cell/identity.ts';
import { fromStored, type LogDocument } from '../events/cloud-event.ts';
import type { DeliveredMessage, DeliveryHandler } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { PortError } from '../ports/errors.ts';
import type { Consumer } from './consumer.ts';
import { type Counts, type LogWalkDeps, logWalk, WALK_LIMITS } from './log-walk.ts';

export interface RebuildCommand {
  readonly tenant: string;
  readonly consumer: string;
  /** The beginning of the ids of events: those from here on are applied again. Without it all is derived anew. */
  readonly from?: string | undefined;
  /** Begins again, even if a rebuild is under way. */
  readonly restart?: boolean | undefined;
}

export interface RebuildProgress {
  /** Subjects that are done. */
  readonly subjects: number;
  /** Events that were applied. */
  readonly events: number;
  readonly done: boolean;
  /** Why the step ended early: it is to be repeated a little later. */
  readonly waiting?: string;
}

/** A consumer, and how events are delivered to it. */
export interface RebuiltConsumer {
  readonly types: readonly string[];
  readonly consumer: Pick<Consumer, 'forget' | 'keeps'>;
  /** Applies events as a worker does: one that cannot be applied is parked, and one that ends its process is found. */
  readonly deliver: DeliveryHandler;
}

export interface RebuildDeps extends LogWalkDeps {
  readonly consumerNamed: (name: string) => RebuiltConsumer;
}

/**
 * Delivers documents of a log again, to each consumer those of its types; counts those that any of them takes. Rejects with `unavailable` if one
 * of them is to be delivered again.
 */
export async function applyAgain(
  consumers: Iterable<RebuiltConsumer>,
  pages: readonly { readonly documents: readonly LogDocument[] }[],
  { attempt, clock }: { readonly attempt: number; readonly clock: Pick<Clock, 'now'> },
  isWanted: (message: Pick<DeliveredMessage, 'origin'>) => boolean = () => true,
): Promise<Counts> {
  const messages = pages
    .flatMap(({ documents }) => documents)
    .map((document): DeliveredMessage => ({ ...fromStored(document), deliveryId: document.id, attempt }))
    .filter(isWanted);
  const applied = new Set<string>();
  for (const { types, deliver } of consumers) {
    const some = messages.filter(({ event }) => types.includes(event.type));
    if (some.length === 0) continue;
    for (const outcome of await deliver(some, clock.now() + WALK_LIMITS.pageMs))
      if (outcome.status === 'retry') throw new PortError('unavailable', outcome.reason);
    for (const { deliveryId } of some) applied.add(deliveryId);
  }
  return applied.size === 0 ? {} : { events: applied.size };
}

/**
 * Returns the use case, which makes one step of a walk, one subject at a time: what is removed of it is derived anew at once; see `logWalk`. Derived documents of a subject are removed and derived anew, or, with
 * `from`, events are applied again, as a second delivery would: so effects that are claimed stay applied once.
 */
export function rebuild(deps: RebuildDeps): (command: RebuildCommand) => Promise<RebuildProgress> {
  const walk = logWalk(deps);
  return async ({ tenant, consumer: name, from = '', restart = false }) => {
    const rebuilt = deps.consumerNamed(name);
    const { counts, ...progress } = await walk({
      key: { partition: statePartition.rebuild(tenant), id: name },
      tenant,
      from,
      restart,
      begin: async (subject, token) => {
        if (from === '') await rebuilt.consumer.forget?.(tenant, subject, token);
      },
      work: async (pages, attempt) => ({
        counts: await applyAgain([rebuilt], pages, { attempt, clock: deps.clock }),
      }),
    });
    const { subjects, done, waiting } = progress;
    return { subjects, events: counts.events ?? 0, done, ...(waiting !== undefined && { waiting }) };
  };
}
