// Claiming consumers: write any effect in one transaction with a claim on each event that caused it.

import { statePartition } from '../cell/identity.ts';
import { type ConsumerOptions, declareConsumer } from '../cell/topology.ts';
import { eventKey } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { Backoff, type RetryPolicy } from '../lib/retry.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import type { Consumer, ConsumerDefinition, ConsumerDeps, TenantEvent } from './consumer.ts';

export const CLAIM_LIMITS = {
  /** Events claimed in one transaction; the rest of its 100 writes are the effects'. */
  events: 50,
  /** Writes of the effects of one transaction. */
  effects: 50,
  concurrentReads: 16,
} as const;

const CONFLICTS: RetryPolicy = { attempts: 12, baseMs: 10, maximumMs: 250, budgetMs: 5000 };

/** Reads a document of the partition that holds the effects. */
export type ReadEffect = (id: string) => Promise<StoredDocument | undefined>;

export interface Claiming {
  readonly name: string;
  /**
   * The writes that apply these events, none of which has been applied before, to the subject's partition of this consumer.
   * Called again after a conflict with another writer. Ids must not start with `claim!`. Throws for an event that cannot be processed.
   */
  effects(events: readonly TenantEvent[], read: ReadEffect): Promise<readonly Write[]>;
}

/** Claiming effects with their row in the topology. */
export interface ClaimingDefinition extends ConsumerOptions, Claiming {
  readonly types: readonly string[];
}

/** Declares a claiming consumer; see `claimingConsumer` for its guarantees. Its effects happen only in the tenant's home cell. */
export function claiming({ effects, types, ...options }: ClaimingDefinition): ConsumerDefinition {
  return {
    declaration: declareConsumer(options, types, 'home-only'),
    create: (deps) => claimingConsumer({ name: options.name, effects }, deps),
  };
}

/**
 * Returns a consumer whose effects are written atomically with their events' claims, so that a claimed event is never applied
 * again. Claims are kept permanently: each costs a write and its storage, so prefer `derivedConsumer` where the effect is a
 * function of the log.
 */
export function claimingConsumer(claiming: Claiming, deps: Omit<ConsumerDeps, 'events'>): Consumer {
  const applySome = async (partition: string, events: ReadonlyMap<string, TenantEvent>) => {
    const backoff = new Backoff(deps, CONFLICTS);
    let fresh = events;
    for (;;) {
      const claims: Write[] = [...fresh.keys()].map((id) => ({ kind: 'put', id, body: null, expected: 'absent' }));
      if (claims.length === 0) return;
      const effects = await claiming.effects([...fresh.values()], (id) => deps.state.get({ partition, id }));
      if (effects.length > CLAIM_LIMITS.effects) {
        throw new PortError(
          'too-large',
          `${claiming.name} wants ${effects.length} writes at once; ${CLAIM_LIMITS.effects} are allowed.`,
        );
      }
      try {
        await deps.state.transact(partition, [...claims, ...effects]);
        return;
      } catch (error) {
        if (!isPortError(error, 'conflict')) throw error;
        if (!(await backoff.pause()))
          throw new PortError('unavailable', 'Too many others are changing the same documents.', { cause: error });
        fresh = await unclaimed(partition, fresh);
      }
    }
  };

  const unclaimed = async (partition: string, events: ReadonlyMap<string, TenantEvent>) => {
    const ids = [...events.keys()];
    const found = await mapConcurrently(ids, CLAIM_LIMITS.concurrentReads, (id) => deps.state.get({ partition, id }));
    return new Map([...events].filter((_, index) => found[index] === undefined));
  };

  return {
    name: claiming.name,
    async apply(events) {
      const first = events[0];
      if (first === undefined) return;
      const partition = statePartition.claimed(claiming.name, first.tenant, first.event.subject);
      const byClaim = [...new Map(events.map((each) => [`claim!${eventKey(each.tenant, each.event).id}`, each]))];
      for (let from = 0; from < byClaim.length; from += CLAIM_LIMITS.events) {
        await applySome(partition, new Map(byClaim.slice(from, from + CLAIM_LIMITS.events)));
      }
    },
  };
}
