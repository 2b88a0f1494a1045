// Claiming consumers: write any effect in one transaction with a claim on each event that caused it.
import { statePartition } from '../cell/identity.ts';
import { type ConsumerOptions, declareConsumer } from '../cell/topology.ts';
import { eventKey } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { Backoff, type RetryPolicy } from '../lib/retry.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { StoredDocument, Write } from '../ports/store.ts';
import type { Consumer, ConsumerDefinition, ConsumerDeps, TenantEvent } from './consumer.ts';

export const CLAIM_LIMITS = {
  /** Events claimed in one transaction; the rest of its 100 writes are the effects'. */
  events: 50,
  /** Writes of the effects of one transaction. */
  effects: 50,
  concurrentReads: 16,
  /** Claims without effects that are written at the same time; each partition's are one transaction of at most `events`. */
  concurrentWrites: 8,
} as const;

/** Begins the ids of claims. */
export const CLAIM = 'claim!';

const CONFLICTS: RetryPolicy = { attempts: 12, baseMs: 10, maximumMs: 250, budgetMs: 5000 };

/** Rejects with `conflict` if it is there. Of an effect that has happened elsewhere the claim says where it was heard. */
const claimOf = (id: string, from: string | null = null): Write => ({
  kind: 'put',
  id,
  body: from === null ? null : { from },
  expected: 'absent',
});

/** Reads a document of the partition that holds the effects. */
export type ReadEffect = (id: string) => Promise<StoredDocument | undefined>;

export interface Claiming {
  readonly name: string;
  /**
   * The partition of effects and claims; by default one of this consumer's own for each subject. Effects of a tenant in one partition
   * can be listed together; they share the throughput and capacity of that partition.
   */
  partition?(tenant: string, subject: string): string;
  /** Whether a document of a partition that subjects share is this subject's, so that it can be erased. Not asked about a subject's own partition. */
  concerns?(document: StoredDocument, subject: string): boolean;
  /**
   * The writes that apply these events, none of which has been applied before, to the partition.
   * Called again after a conflict with another writer. Ids must not start with `claim!`. Throws for an event that cannot be processed.
   */
  effects(events: readonly TenantEvent[], read: ReadEffect): Promise<readonly Write[]>;
}

/** Claiming effects with their row in the topology. */
export interface ClaimingDefinition extends ConsumerOptions, Claiming {
  readonly types: readonly string[];
}

/** Declares a claiming consumer; see `claimingConsumer` for its guarantees. Its effects happen only in the tenant's home cell. */
export function claiming(definition: ClaimingDefinition): ConsumerDefinition {
  const { effects, partition, concerns, types, ...options } = definition;
  return {
    declaration: declareConsumer(options, types, 'home-only'),
    create: (deps) => claimingConsumer(definition, deps),
  };
}

/**
 * Returns a consumer whose effects are written atomically with their events' claims, so that a claimed event is never applied
 * again. Claims are kept permanently: each costs a write and its storage, so prefer `derivedConsumer` where the effect is a
 * function of the log.
 */
export function claimingConsumer(claiming: Claiming, deps: Omit<ConsumerDeps, 'events'>): Consumer {
  const applySome = async (tenant: string, partition: string, events: ReadonlyMap<string, TenantEvent>) => {
    const backoff = new Backoff(deps, CONFLICTS);
    let fresh = events;
    for (;;) {
      const claims: Write[] = [...fresh.keys()].map((id) => claimOf(id));
      if (claims.length === 0) return;
      const effects = await claiming.effects([...fresh.values()], (id) => deps.state.get({ partition, id }));
      if (effects.length > CLAIM_LIMITS.effects) {
        throw new PortError(
          'too-large',
          `${claiming.name} wants ${effects.length} writes at once; ${CLAIM_LIMITS.effects} are allowed.`,
        );
      }
      // Reading may have taken longer than the platform was to allow.
      deps.permit?.(tenant);
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
    const fresh = new Set(await absent(partition, [...events.keys()]));
    return new Map([...events].filter(([id]) => fresh.has(id)));
  };

  const partitionOf = (tenant: string, subject: string): string =>
    claiming.partition?.(tenant, subject) ?? statePartition.claimed(claiming.name, tenant, subject);

  /** Claims alone; those that are there already, by whatever wrote them, say the same. */
  const claimSome = async (partition: string, ids: readonly string[], from: string): Promise<void> => {
    const backoff = new Backoff(deps, CONFLICTS);
    let fresh = ids;
    while (fresh.length > 0) {
      try {
        await deps.state.transact(
          partition,
          fresh.map((id) => claimOf(id, from)),
        );
        return;
      } catch (error) {
        if (!isPortError(error, 'conflict')) throw error;
        if (!(await backoff.pause()))
          throw new PortError('unavailable', 'Too many others are claiming the same events.', { cause: error });
        fresh = await absent(partition, fresh);
      }
    }
  };

  const absent = async (partition: string, ids: readonly string[]): Promise<readonly string[]> => {
    const found = await mapConcurrently(ids, CLAIM_LIMITS.concurrentReads, (id) => deps.state.get({ partition, id }));
    return ids.filter((_, index) => found[index] === undefined);
  };

  return {
    name: claiming.name,

    claimed: (tenant, events) =>
      mapConcurrently(events, CLAIM_LIMITS.concurrentReads, async ({ subject, id }) => {
        const found = await deps.state.get({ partition: partitionOf(tenant, subject), id: CLAIM + id });
        return found !== undefined;
      }),

    async claim(tenant, events, from) {
      const byPartition = new Map<string, Set<string>>();
      for (const { subject, id } of events) {
        const partition = partitionOf(tenant, subject);
        const ids = byPartition.get(partition);
        if (ids === undefined) byPartition.set(partition, new Set([CLAIM + id]));
        else ids.add(CLAIM + id);
      }
      const parts = [...byPartition].flatMap(([partition, ids]) => {
        const all = [...ids];
        return Array.from({ length: Math.ceil(all.length / CLAIM_LIMITS.events) }, (_, index) => ({
          partition,
          ids: all.slice(index * CLAIM_LIMITS.events, (index + 1) * CLAIM_LIMITS.events),
        }));
      });
      await mapConcurrently(parts, CLAIM_LIMITS.concurrentWrites, ({ partition, ids }) =>
        claimSome(partition, ids, from),
      );
    },

    keeps(tenant, subject) {
      const partition = partitionOf(tenant, subject);
      if (claiming.partition === undefined) return { partition, isOf: () => true };
      const { concerns } = claiming;
      return { partition, ...(concerns !== undefined && { isOf: (document) => concerns(document, subject) }) };
    },
    async apply(events) {
      const first = events[0];
      if (first === undefined) return;
      const { tenant, event } = first;
      const partition = partitionOf(tenant, event.subject);
      const byClaim = [...new Map(events.map((each) => [`${CLAIM}${eventKey(each.tenant, each.event).id}`, each]))];
      for (let from = 0; from < byClaim.length; from += CLAIM_LIMITS.events) {
        await applySome(tenant, partition, new Map(byClaim.slice(from, from + CLAIM_LIMITS.events)));
      }
    },
  };
}

export interface Updates<State extends Json> {
  /** The id of the document that an event changes. */
  idOf(event: CloudEvent): string;
  /** The document before its first event. */
  initial(event: CloudEvent): State;
  /** The document after an event. Events come in any order, each once; throws for one that cannot be processed. */
  apply(state: State, event: CloudEvent): State;
}

/** Effects that update one document for each event. */
export const updates =
  <State extends Json>({ idOf, initial, apply }: Updates<State>): Claiming['effects'] =>
  async (events, read) => {
    const writes = new Map<string, Extract<Write, { kind: 'put' }> & { readonly body: State }>();
    for (const { event } of events) {
      const id = idOf(event);
      const found = writes.has(id) ? undefined : await read(id);
      const { body, expected } = writes.get(id) ?? {
        body: found === undefined ? initial(event) : (found.body as State),
        expected: found?.version ?? 'absent',
      };
      writes.set(id, { kind: 'put', id, body: apply(body, event), expected });
    }
    return [...writes.values()];
  };
