// Derived consumers: documents that are pure functions of the log, derived again whenever a window of it changes.
import { type ConsumerOptions, declareConsumer } from '../cell/topology.ts';
import { logPartition } from '../events/cloud-event.ts';
import { mapConcurrently } from '../lib/concurrently.ts';
import { Backoff, type RetryPolicy } from '../lib/retry.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isPortError, PortError } from '../ports/errors.ts';
import { blockStart } from './blocks.ts';
import type { Consumer, ConsumerDefinition, ConsumerDeps, TenantEvent } from './consumer.ts';
import type { Latest } from './derivation.ts';
import { type Derivation, seriesOf } from './derivation.ts';
import { type Changes, seriesDocuments } from './derived-documents.ts';
import { forgetDocuments } from './forget-derived.ts';
import { logWindows, minuteOf, positionOf } from './log-windows.ts';

export const DERIVE_LIMITS = {
  /** Series of a subject that are read or written at the same time. */
  concurrentSeries: 16,
  /** Series of a subject whose documents are held at once. */
  seriesAtOnce: 64,
} as const;

/**
 * Of two workers on the same subject, one must start over; this budget outlasts a short queue of them. A longer one waits in the bus, so
 * that workers are free for other tenants.
 */
const CONFLICTS: RetryPolicy = { attempts: 12, baseMs: 10, maximumMs: 250, budgetMs: 2000 };

/** A derivation with its row in the topology. */
export interface DerivedDefinition<Fact, Summary> extends ConsumerOptions, Derivation<Fact, Summary> {}

/** Declares a derived consumer; see `derivedConsumer` for its guarantees. */
export function derived<Fact, Summary extends object>(
  definition: DerivedDefinition<Fact, Summary>,
): ConsumerDefinition {
  return {
    declaration: declareConsumer(optionsOf(definition), definition.types, 'derived'),
    create: (deps) => derivedConsumer(definition, deps),
    canWait: true,
  };
}

/** The row's own members of a definition: the rest is code. */
function optionsOf<Fact, Summary>(definition: DerivedDefinition<Fact, Summary>): ConsumerOptions {
  const { types: _types, latest: _latest, listsLeaves: _lists, ...rest } = definition;
  return Object.fromEntries(
    Object.entries(rest).filter(([, value]) => typeof value !== 'function'),
  ) as unknown as ConsumerOptions;
}

/** Delivered positions by minute, for each series of a subject, in one half hour. */
type Delivered = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/**
 * Returns a consumer that maintains the derivation's documents. Exactly-once needs no claims here: a leaf is computed from the
 * log, however often its events are delivered. Versions are read before the log, so a successful write has seen every event
 * that an earlier write had seen. Costs one write for any number of events of the newest half hour, none for repeats.
 */
export function derivedConsumer<Fact, Summary extends object>(
  derivation: Derivation<Fact, Summary>,
  deps: ConsumerDeps,
): Consumer {
  const updateOnce = async (tenant: string, subject: string, start: string, delivered: Delivered) => {
    const partition = derivation.partition(tenant, subject);
    const documents = seriesDocuments(derivation, {
      state: deps.state,
      partition,
      announce: async () => derivation.announce?.(deps.state, tenant, subject),
    });
    const opened = new Map(
      await mapConcurrently(
        [...delivered.keys()],
        DERIVE_LIMITS.concurrentSeries,
        async (series) => [series, await documents.open(series, start)] as const,
      ),
    );
    const latest = new Map<string, Map<string, Latest>>();
    const leavesOf = logWindows(
      derivation,
      {
        events: deps.events,
        state: deps.state,
        log: logPartition(tenant, subject),
        partition,
        limits: deps.windows,
      },
      (series, fact) => {
        if (derivation.latest === undefined) return;
        const { key, ...value } = derivation.latest.of(fact);
        const values = latest.get(series) ?? new Map<string, Latest>();
        if ((values.get(key)?.position ?? '') < value.position) values.set(key, value);
        latest.set(series, values);
      },
    );
    const changes = new Map([...delivered.keys()].map((series): [string, Changes<Summary>] => [series, new Map()]));
    for (const minute of [...new Set([...delivered.values()].flatMap((minutes) => [...minutes.keys()]))].sort()) {
      const known = new Map(
        [...delivered]
          .filter(([, minutes]) => minutes.has(minute))
          .flatMap(([series]) => {
            const found = opened.get(series);
            return found === undefined ? [] : [[series, documents.leafIn(found, minute)] as const];
          }),
      );
      const wanted = [...new Set([...delivered.values()].flatMap((minutes) => minutes.get(minute) ?? []))];
      for (const [series, leaf] of await leavesOf(minute, known, wanted)) changes.get(series)?.set(minute, leaf);
    }
    await mapConcurrently([...opened], DERIVE_LIMITS.concurrentSeries, ([series, found]) =>
      documents.save(found, changes.get(series) ?? new Map(), latest.get(series) ?? new Map()),
    );
  };

  const update = async (tenant: string, subject: string, start: string, delivered: Delivered) => {
    const backoff = new Backoff(deps, CONFLICTS);
    for (;;) {
      try {
        return await updateOnce(tenant, subject, start, delivered);
      } catch (error) {
        if (!isPortError(error, 'conflict')) throw error;
        if (!(await backoff.pause()))
          throw new PortError('unavailable', 'The documents of a subject are being changed by too many others.', {
            cause: error,
            timedOut: true,
          });
      }
    }
  };

  /** Delivered events by half hour, then by series and minute. */
  const grouped = (tenant: string, events: readonly CloudEvent[]) => {
    const blocks = new Map<string, Map<string, Map<string, string[]>>>();
    for (const event of events) {
      const position = positionOf(tenant, event);
      const series = seriesOf(derivation, derivation.project(event, position));
      const minute = minuteOf(position);
      const block = entry(blocks, blockStart(minute), () => new Map<string, Map<string, string[]>>());
      const minutes = entry(block, series, () => new Map<string, string[]>());
      entry(minutes, minute, (): string[] => []).push(position);
    }
    return [...blocks].sort(([a], [b]) => (a < b ? -1 : 1));
  };

  return {
    name: derivation.name,
    forget: (tenant, subject, token) =>
      forgetDocuments({ ...deps, partition: derivation.partition(tenant, subject), token }),
    async apply(events: readonly TenantEvent[]) {
      const first = events[0];
      if (first === undefined) return;
      const { tenant, event } = first;
      for (const [start, series] of grouped(
        tenant,
        events.map((each) => each.event),
      )) {
        const all = [...series];
        for (let from = 0; from < all.length; from += DERIVE_LIMITS.seriesAtOnce)
          await update(tenant, event.subject, start, new Map(all.slice(from, from + DERIVE_LIMITS.seriesAtOnce)));
      }
    },
  };
}

function entry<K, V>(map: Map<K, V>, key: K, initial: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = initial();
  map.set(key, made);
  return made;
}
