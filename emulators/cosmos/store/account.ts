// The account: databases, containers and offers, and everything they share.
import { badRequest, conflict, notFound, ownerNotFound, unsupported } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import {
  DEFAULT_RANGES,
  DEFAULT_THROUGHPUT,
  isTtl,
  MAX_RANGES,
  MAX_RESOURCE_ID_LENGTH,
  MAX_TTL,
  THROUGHPUT_PER_RANGE,
} from '../limits.ts';
import { checkPartitionKeyPaths } from '../partition-key.ts';
import { containerRid, databaseRid } from '../rid.ts';
import type { Clock } from './clock.ts';
import { Container, type Shared } from './container.ts';
import { DocumentCache } from './item.ts';
import type { AccountEvent, AccountLog } from './journal-types.ts';
import { etagOf } from './transaction.ts';

/** Throughput of a database or container. */
export interface Offer {
  readonly id: string;
  /** `_self` of what it belongs to. */
  readonly resource: string;
  readonly resourceRid: string;
  content: JsonObject;
  etag: string;
  ts: number;
}

/** A database. */
export interface Database {
  readonly id: string;
  readonly rid: string;
  readonly self: string;
  readonly etag: string;
  readonly ts: number;
  readonly containers: Map<string, Container>;
}

/** What a new database or container asks for in its headers. */
export interface Throughput {
  readonly manual: number | undefined;
  readonly autoscaleMax: number | undefined;
}

/** All data of one emulator. Every change is reported to the log before the call returns. */
export class Account implements Shared {
  readonly clock: Clock;
  readonly cache = new DocumentCache();
  readonly sink: AccountLog;
  readonly databases = new Map<string, Database>();
  readonly offers = new Map<string, Offer>();
  readonly #defaultRanges: number;
  etagSerial = 0;
  databaseSerial = 0;
  containerSerial = 0;

  constructor(clock: Clock, sink: AccountLog, defaultRanges = DEFAULT_RANGES) {
    this.clock = clock;
    this.sink = sink;
    this.#defaultRanges = defaultRanges;
  }

  nextEtag(): number {
    this.etagSerial += 1;
    return this.etagSerial;
  }

  /** The database with a name or `_rid`. */
  database(name: string): Database {
    const found = this.databases.get(name) ?? [...this.databases.values()].find(({ rid }) => rid === name);
    if (found === undefined) throw notFound();
    return found;
  }

  /** The container with a name or `_rid`; `owner` decides which 404 a missing one is. */
  container(databaseName: string, name: string, owner = false): Container {
    const database =
      this.databases.get(databaseName) ?? [...this.databases.values()].find(({ rid }) => rid === databaseName);
    const found =
      database?.containers.get(name) ?? [...(database?.containers.values() ?? [])].find(({ rid }) => rid === name);
    if (found === undefined) throw owner ? ownerNotFound() : notFound();
    return found;
  }

  /** The container with a `_rid`, or undefined. */
  containerByRid(rid: string): Container | undefined {
    for (const database of this.databases.values()) {
      for (const container of database.containers.values()) if (container.rid === rid) return container;
    }
    return undefined;
  }

  createDatabase(id: unknown, throughput: Throughput): Database {
    const name = checkResourceId(id);
    if (this.databases.has(name)) throw conflict();
    const rid = databaseRid(this.databaseSerial + 1);
    const ts = this.clock.seconds();
    this.#apply({ t: 'db', id: name, rid, etag: etagOf(this.nextEtag(), ts), ts });
    if (throughput.manual !== undefined || throughput.autoscaleMax !== undefined) {
      this.#createOffer(`dbs/${rid}/`, rid, throughput);
    }
    return this.database(name);
  }

  deleteDatabase(name: string): void {
    this.#apply({ t: 'db-', rid: this.database(name).rid });
  }

  createContainer(databaseName: string, body: JsonObject, throughput: Throughput): Container {
    const database = this.database(databaseName);
    const name = checkResourceId(body.id);
    if (database.containers.has(name)) throw conflict();
    const { _rid, _self, _etag, _ts, ...given } = body;
    const rid = containerRid(database.rid, this.containerSerial + 1);
    const ts = this.clock.seconds();
    const asked = throughput.autoscaleMax ?? throughput.manual ?? DEFAULT_THROUGHPUT;
    const ranges = Math.min(MAX_RANGES, Math.max(this.#defaultRanges, Math.ceil(asked / THROUGHPUT_PER_RANGE)));
    const properties = withDefaults(given);
    checkPartitionKeyPaths(properties.partitionKey);
    const etag = etagOf(this.nextEtag(), ts);
    // Made once beforehand so that a wrong definition is refused before anything is logged.
    const made = new Container(this, rid, database.rid, properties, etag, ts, ranges);
    this.#apply({
      t: 'c',
      db: database.rid,
      rid,
      properties: { ...properties, partitionKey: made.definition.raw },
      etag,
      ts,
      ranges,
    });
    const shared = [...this.offers.values()].some((offer) => offer.resourceRid === database.rid);
    const named = throughput.manual !== undefined || throughput.autoscaleMax !== undefined;
    if (named || !shared) this.#createOffer(made.self, rid, throughput);
    return this.container(databaseName, name);
  }

  replaceContainer(container: Container, body: JsonObject): void {
    const { _rid, _self, _etag, _ts, ...given } = body;
    if (given.id !== container.id) throw badRequest('The id of a container cannot be changed.');
    const definition = isObject(given.partitionKey) ? given.partitionKey : container.definition.raw;
    if (JSON.stringify(definition.paths) !== JSON.stringify(container.definition.raw.paths)) {
      throw badRequest('The partition key definition of a container cannot be changed.');
    }
    const unique = container.properties.uniqueKeyPolicy;
    const properties = withDefaults({ ...given, partitionKey: container.definition.raw });
    if (unique === undefined) delete properties.uniqueKeyPolicy;
    else properties.uniqueKeyPolicy = unique;
    const ts = this.clock.seconds();
    this.#apply({ t: 'c=', rid: container.rid, properties, etag: etagOf(this.nextEtag(), ts), ts });
  }

  deleteContainer(container: Container): void {
    this.#apply({ t: 'c-', rid: container.rid });
  }

  replaceOffer(offer: Offer, content: JsonObject): void {
    const ts = this.clock.seconds();
    this.#apply({ t: 'o', offer: { ...offer, content, etag: etagOf(this.nextEtag(), ts), ts } });
  }

  /** Splits a range; see Container.split. */
  splitRange(container: Container, rangeId: string): readonly { readonly id: string }[] {
    const [left, right] = container.split(rangeId);
    this.sink.event({ t: 's', rid: container.rid, range: rangeId, at: left?.max ?? '' });
    return [left, right].flatMap((range) => (range === undefined ? [] : [{ id: range.id }]));
  }

  /** Applies a change read back from the log. */
  replay(event: AccountEvent): void {
    switch (event.t) {
      case 'db':
        this.databaseSerial += 1;
        this.databases.set(event.id, {
          id: event.id,
          rid: event.rid,
          self: `dbs/${event.rid}/`,
          etag: event.etag,
          ts: event.ts,
          containers: new Map(),
        });
        return;
      case 'db-': {
        const database = this.database(event.rid);
        for (const container of database.containers.values()) this.#dropOffer(container.rid);
        this.#dropOffer(database.rid);
        this.databases.delete(database.id);
        return;
      }
      case 'c': {
        this.containerSerial += 1;
        const { db, rid, properties, etag, ts, ranges } = event;
        this.database(db).containers.set(
          String(properties.id),
          new Container(this, rid, db, properties, etag, ts, ranges),
        );
        return;
      }
      case 'c=': {
        const container = this.containerByRid(event.rid);
        if (container === undefined) return;
        container.properties = event.properties;
        container.etag = event.etag;
        container.ts = event.ts;
        container.retrackExpiry();
        return;
      }
      case 'c-':
        for (const { containers } of this.databases.values()) {
          for (const container of containers.values()) if (container.rid === event.rid) containers.delete(container.id);
        }
        this.#dropOffer(event.rid);
        return;
      case 'o':
        this.offers.set(event.offer.id, { ...event.offer });
        return;
      case 's':
        this.containerByRid(event.rid)?.split(event.range, event.at);
        return;
    }
  }

  #apply(event: AccountEvent): void {
    this.replay(event);
    this.sink.event(event);
  }

  #createOffer(resource: string, resourceRid: string, throughput: Throughput): void {
    const ts = this.clock.seconds();
    const serial = this.nextEtag();
    const max = throughput.autoscaleMax;
    const content: JsonObject = {
      offerThroughput: max === undefined ? (throughput.manual ?? DEFAULT_THROUGHPUT) : Math.ceil(max / 10),
      offerIsRUPerMinuteThroughputEnabled: false,
      offerMinimumThroughputParameters: {
        maxThroughputEverProvisioned: max ?? throughput.manual ?? DEFAULT_THROUGHPUT,
      },
      ...(max === undefined ? {} : { offerAutopilotSettings: { maxThroughput: max } }),
    };
    const id = serial.toString(36).padStart(4, '0');
    this.#apply({ t: 'o', offer: { id, resource, resourceRid, content, etag: etagOf(serial, ts), ts } });
  }

  #dropOffer(resourceRid: string): void {
    for (const offer of this.offers.values()) if (offer.resourceRid === resourceRid) this.offers.delete(offer.id);
  }
}

/** Ids of databases and containers. */
function checkResourceId(id: unknown): string {
  if (typeof id !== 'string' || id === '')
    throw badRequest('The input name is invalid: the id must be a non-empty string.');
  if (id.length > MAX_RESOURCE_ID_LENGTH || /[/\\?#]/.test(id) || id.endsWith(' ')) {
    throw badRequest(
      `The input name '${id}' is invalid. Ensure it has no '/', '\\', '?', '#', no trailing space, and at most ${MAX_RESOURCE_ID_LENGTH} characters.`,
    );
  }
  return id;
}

/** Parts of a container that change what its queries answer, and that this emulator does not have. */
const ABSENT_POLICIES = [
  ['computedProperties', 'Computed properties'],
  ['vectorEmbeddingPolicy', 'Vector search'],
  ['fullTextPolicy', 'Full-text search'],
  ['clientEncryptionPolicy', 'Client encryption'],
  ['materializedViewDefinition', 'Materialized views'],
] as const;
const ABSENT_INDEXES = [
  ['vectorIndexes', 'Vector search'],
  ['fullTextIndexes', 'Full-text search'],
] as const;

/** Whether a policy asks for anything: an empty one, as some clients send it, does not. */
function asksFor(policy: Json | undefined): boolean {
  if (policy === undefined || policy === null) return false;
  if (Array.isArray(policy)) return policy.length > 0;
  return !isObject(policy) || Object.values(policy).some((part) => (Array.isArray(part) ? part.length > 0 : true));
}

/** A container's properties with what the service fills in. */
function withDefaults(given: JsonObject): JsonObject {
  const { defaultTtl, indexingPolicy } = given;
  if (defaultTtl !== undefined && defaultTtl !== null) {
    if (!isTtl(defaultTtl))
      throw badRequest(`The value of 'defaultTtl' must be -1 or a positive integer of at most ${MAX_TTL}.`);
  }
  // A query would silently miss them, so a container that asks for them is refused.
  for (const [name, feature] of ABSENT_POLICIES) if (asksFor(given[name])) throw unsupported(feature);
  if (isObject(indexingPolicy)) {
    for (const [name, feature] of ABSENT_INDEXES) if (asksFor(indexingPolicy[name])) throw unsupported(feature);
  }
  const policy: JsonObject = isObject(indexingPolicy) ? { ...indexingPolicy } : {};
  const mode = typeof policy.indexingMode === 'string' ? policy.indexingMode.toLowerCase() : 'consistent';
  if (mode !== 'consistent' && mode !== 'none' && mode !== 'lazy')
    throw badRequest(`The indexing mode '${mode}' is invalid.`);
  policy.indexingMode = mode;
  policy.automatic ??= mode !== 'none';
  if (mode !== 'none') {
    const excluded = Array.isArray(policy.excludedPaths) ? policy.excludedPaths : [];
    policy.includedPaths =
      Array.isArray(policy.includedPaths) && policy.includedPaths.length > 0 ? policy.includedPaths : [{ path: '/*' }];
    const hasEtag = excluded.some((entry) => isObject(entry) && entry.path === '/"_etag"/?');
    policy.excludedPaths = hasEtag ? excluded : [...excluded, { path: '/"_etag"/?' }];
  }
  const properties: JsonObject = {
    conflictResolutionPolicy: {
      mode: 'LastWriterWins',
      conflictResolutionPath: '/_ts',
      conflictResolutionProcedure: '',
    },
    geospatialConfig: { type: 'Geography' },
    ...given,
    indexingPolicy: policy,
  };
  if (defaultTtl === undefined || defaultTtl === null) delete properties.defaultTtl;
  return properties;
}
