// Derived consumers: documents that are pure functions of the log, derived again whenever a window of it changes.
import { type ConsumerOptions, declareConsumer } from '../cell/topology.ts';
import { eventKey, fromStored, logPartition } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { Backoff, type RetryPolicy } from '../lib/retry.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import type { Json } from '../ports/json.ts';
import type { Store, StoredDocument, Write } from '../ports/store.ts';
import { STORE_LIMITS } from '../ports/store.ts';
import type { Consumer, ConsumerDefinition, ConsumerDeps, TenantEvent } from './consumer.ts';

export const DERIVE_LIMITS = {
  /** Maximum events of one subject in one minute. Beyond it, the window is refused and its events are parked. */
  windowEvents: 200_000,
  /** Concurrent reads of documents. */
  concurrentReads: 16,
} as const;

/** Of two workers on the same subject, one must start over; this budget outlasts a queue of them. */
const CONFLICTS: RetryPolicy = { attempts: 12, baseMs: 10, maximumMs: 250, budgetMs: 5000 };

/**
 * The documents of a derived consumer. Each event yields a fact; the facts of one minute with the same leaf id fold into a leaf
 * document; totals (an hour, a day, everything) are revised by the exact difference between the old and the new leaf.
 * All documents of a subject are in one partition, and leaf and totals change in one transaction.
 */
export interface Derivation<Fact, Summary> {
  readonly name: string;
  readonly types: readonly string[];
  /** The partition of a subject's documents in the state collection. */
  partition(tenant: string, subject: string): string;
  /** The fact of an event. Pure. Throws for an event that cannot be processed, which is then skipped until the code is fixed. */
  project(event: CloudEvent, position: string): Fact;
  /** The id of a fact's leaf. `minute` is the event's minute, such as `2026-11-21T07:41`. */
  leafOf(fact: Fact, minute: string): string;
  /** The ids of the totals above a leaf. */
  totalsOf(leafId: string): readonly string[];
  empty(): Summary;
  /** Adds a fact, in place. The order of the facts must not matter. */
  add(summary: Summary, fact: Fact): void;
  /** The total after a leaf below it changed from `before` to `after`. The result must not depend on the order of changes. */
  revise(total: Summary | undefined, before: Summary | undefined, after: Summary): Summary;
  /** Called before the first document of a subject is written; must be idempotent. */
  announce?(state: Store, tenant: string, subject: string): Promise<void>;
}

/** A derivation with its row in the topology. */
export interface DerivedDefinition<Fact, Summary> extends ConsumerOptions, Derivation<Fact, Summary> {}

/** Declares a derived consumer; see `derivedConsumer` for its guarantees. */
export function derived<Fact, Summary extends object>(
  definition: DerivedDefinition<Fact, Summary>,
): ConsumerDefinition {
  const { types, partition, project, leafOf, totalsOf, empty, add, revise, announce, ...options } = definition;
  return {
    declaration: declareConsumer(options, types, 'derived'),
    create: (deps) => derivedConsumer(definition, deps),
  };
}

/** A total and a leaf each take one write; this many minutes fit into a transaction with the totals of two days. */
const MINUTES_AT_ONCE = 20;

/** The changes of delivered events in one minute: their leaves, and their positions in the log. */
interface Changed {
  readonly leafIds: Set<string>;
  readonly positions: Set<string>;
}

/**
 * Returns a consumer that maintains the derivation's documents. Exactly-once needs no claims here: a leaf is computed from the
 * log, however often its events are delivered. Versions are read before the log, so a successful write has seen every event
 * that an earlier write had seen. Costs one transaction for any number of readings of the same minutes, none for repeats.
 */
export function derivedConsumer<Fact, Summary extends object>(
  derivation: Derivation<Fact, Summary>,
  deps: ConsumerDeps,
): Consumer {
  const accepts = new Set(derivation.types);

  const factsOf = (tenant: string, events: readonly CloudEvent[]) =>
    events.map((event) => {
      const { id } = eventKey(tenant, event);
      const minute = minuteOf(id);
      return { minute, position: id, leafId: derivation.leafOf(derivation.project(event, id), minute) };
    });

  /** Folds a minute of the log into the requested leaves. */
  const deriveMinute = async (
    tenant: string,
    subject: string,
    minute: string,
    { leafIds, positions }: Changed,
    leaves: Map<string, Summary>,
  ) => {
    const unseen = new Set(positions);
    let seen = 0;
    let cursor: StoredDocument['id'] | undefined;
    do {
      const page = await deps.events.query(logPartition(tenant, subject), {
        prefix: `${minute}:`,
        limit: STORE_LIMITS.pageDocuments,
        ...(cursor !== undefined && { cursor: cursor as never }),
      });
      seen += page.items.length;
      if (seen > DERIVE_LIMITS.windowEvents) {
        throw new PortError(
          'too-large',
          `${subject} has more than ${DERIVE_LIMITS.windowEvents} events in the minute ${minute}.`,
        );
      }
      for (const document of page.items) {
        unseen.delete(document.id);
        const { event } = fromStored(document, document.body);
        const fact = accepts.has(event.type) ? projected(event, document.id) : undefined;
        if (fact === undefined) continue;
        const leafId = derivation.leafOf(fact.value, minute);
        if (!leafIds.has(leafId)) continue;
        const leaf = leaves.get(leafId) ?? derivation.empty();
        derivation.add(leaf, fact.value);
        leaves.set(leafId, leaf);
      }
      cursor = page.next;
    } while (cursor !== undefined);
    // Delivered events came from the log. A read that does not show them is behind, and a leaf derived from it would miss them.
    if (unseen.size > 0)
      throw new PortError('unavailable', `The log of ${subject} does not show ${unseen.size} delivered events yet.`);
  };

  /** An event that cannot be projected contributes nothing; it is parked on its own delivery, and counts once the code is fixed. */
  const projected = (event: CloudEvent, position: string): { value: Fact } | undefined => {
    try {
      return { value: derivation.project(event, position) };
    } catch {
      return undefined;
    }
  };

  const updateOnce = async (tenant: string, subject: string, minutes: ReadonlyMap<string, Changed>) => {
    const partition = derivation.partition(tenant, subject);
    const leafIds = [...minutes.values()].flatMap(({ leafIds }) => [...leafIds]);
    const totalIds = [...new Set(leafIds.flatMap((leafId) => derivation.totalsOf(leafId)))];
    const ids = [...leafIds, ...totalIds];
    const found = await mapConcurrently(ids, DERIVE_LIMITS.concurrentReads, (id) => deps.state.get({ partition, id }));
    const before = new Map(ids.map((id, index) => [id, found[index]]));

    const leaves = new Map<string, Summary>();
    await mapConcurrently([...minutes], DERIVE_LIMITS.concurrentReads, ([minute, changed]) =>
      deriveMinute(tenant, subject, minute, changed, leaves),
    );

    const totals = new Map<string, Summary>();
    const writes: Write[] = [];
    const put = (id: string, body: Summary) =>
      writes.push({ kind: 'put', id, body: body as unknown as Json, expected: before.get(id)?.version ?? 'absent' });
    for (const [leafId, after] of leaves) {
      const stored = before.get(leafId)?.body as Summary | undefined;
      if (stored !== undefined && sameJson(stored, after)) continue;
      put(leafId, after);
      for (const totalId of derivation.totalsOf(leafId)) {
        const total = totals.get(totalId) ?? (before.get(totalId)?.body as Summary | undefined);
        totals.set(totalId, derivation.revise(total, stored, after));
      }
    }
    if (writes.length === 0) return;
    for (const [totalId, total] of totals) put(totalId, total);
    if (derivation.announce !== undefined && totalIds.some((id) => before.get(id) === undefined))
      await derivation.announce(deps.state, tenant, subject);
    await deps.state.transact(partition, writes);
  };

  const update = async (tenant: string, subject: string, minutes: ReadonlyMap<string, Changed>) => {
    const backoff = new Backoff(deps, CONFLICTS);
    for (;;) {
      try {
        return await updateOnce(tenant, subject, minutes);
      } catch (error) {
        if (!isPortError(error, 'conflict')) throw error;
        if (!(await backoff.pause()))
          throw new PortError('unavailable', `The documents of ${subject} are being changed by too many others.`, {
            cause: error,
          });
      }
    }
  };

  return {
    name: derivation.name,
    async apply(events: readonly TenantEvent[]) {
      const first = events[0];
      if (first === undefined) return;
      const { tenant, event } = first;
      const minutes = new Map<string, Changed>();
      const facts = factsOf(
        tenant,
        events.map((each) => each.event),
      );
      for (const { minute, leafId, position } of facts) {
        const changed = minutes.get(minute) ?? { leafIds: new Set(), positions: new Set() };
        changed.leafIds.add(leafId);
        changed.positions.add(position);
        minutes.set(minute, changed);
      }
      for (const part of inParts(minutes)) await update(tenant, event.subject, part);
    },
  };
}

const minuteOf = (position: string): string => position.slice(0, '2026-11-21T07:41'.length);

/** Splits the minutes so that leaves and totals of each part fit into one transaction. */
function inParts(minutes: ReadonlyMap<string, Changed>): Map<string, Changed>[] {
  const parts: Map<string, Changed>[] = [];
  let part = new Map<string, Changed>();
  let leaves = 0;
  for (const [minute, { leafIds, positions }] of [...minutes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const id of leafIds) {
      if (leaves === MINUTES_AT_ONCE) {
        parts.push(part);
        part = new Map();
        leaves = 0;
      }
      const changed = part.get(minute) ?? { leafIds: new Set(), positions };
      changed.leafIds.add(id);
      part.set(minute, changed);
      leaves += 1;
    }
  }
  return leaves === 0 ? parts : [...parts, part];
}

/** Whether two summaries are the same JSON value, whatever the order of their keys. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (
    typeof a !== 'object' ||
    typeof b !== 'object' ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return false;
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = Object.entries(b).filter(([, value]) => value !== undefined);
  const other = new Map(right);
  return (
    left.length === right.length && left.every(([key, value]) => other.has(key) && sameJson(value, other.get(key)))
  );
}
