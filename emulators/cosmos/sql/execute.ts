// Runs one page of a compiled query over the documents of a container.

import { canonicalText, compareText, type Json, type Value } from '../json.ts';
import { KEPT_ROW_STEPS, MAX_PAGE_BYTES } from '../limits.ts';
import type { Container } from '../store/container.ts';
import type { Item } from '../store/item.ts';
import type { LogicalPartition } from '../store/partition.ts';
import { type AccessPath, type IdBounds, keyDemanded, pathOf } from './access-path.ts';
import { type Candidate, Candidates, hasBounds, idRange, liveFrom } from './candidates.ts';
import { type Env, makeEnv } from './compile-expression.ts';
import { type CompiledText, compareKeys, countOf, DOCUMENT_SLOT, sortKeys } from './compiled-query.ts';
import { invalidToken, type Position, readToken, writeToken } from './continuation.ts';
import type { Meter } from './meter.ts';
import { isAfterPlace } from './rows.ts';
import { Grouping, runAll } from './run.ts';

/** The documents a query may see. */
export interface QueryScope {
  readonly container: Container;
  /** Set when the request names a full partition key; `undefined` inside when nothing is stored under it. */
  readonly single: { readonly partition: LogicalPartition | undefined } | undefined;
  /** Whether a logical partition belongs to the addressed range or key prefix. */
  readonly accepts: (partition: LogicalPartition) => boolean;
}

/** What a request asks for. */
export interface QueryRequest {
  readonly sql: string;
  readonly query: CompiledText;
  readonly path: AccessPath;
  readonly params: ReadonlyMap<string, Value>;
  readonly pageSize: number;
  readonly continuation: string | undefined;
  /**
   * The SDK asked for one range of an ORDER BY it merges itself. Its pages then end between documents, if they fit: when it
   * resumes, it skips the rows of the last document itself, which must not happen twice.
   */
  readonly merged: boolean;
  readonly meter: Meter;
}

/** One page: rows as JSON text, and what it took to find them. */
export interface QueryPage {
  readonly rows: readonly string[];
  readonly continuation: string | undefined;
  readonly scanned: number;
  /** Characters of the rows. */
  readonly bytes: number;
  /** Characters of the documents that the rows were made of; of the rows themselves where they are made of none. */
  readonly loaded: number;
}

const START: Position = { sequence: 0, rows: 0, place: [], keys: [], id: undefined, taken: 0, skipped: 0 };

/** A page in the making; each time it yields, others should have a turn. */
export type QueryWork = Generator<undefined, QueryPage>;

/** Runs one page. */
export function executeQuery(scope: QueryScope, request: QueryRequest): QueryWork {
  return new Execution(scope, request).run();
}

class Execution {
  readonly #scope: QueryScope;
  readonly #request: QueryRequest;
  readonly #query: CompiledText;
  readonly #env: Env;
  readonly #position: Position | undefined;
  readonly #rows: string[] = [];
  #bytes = 0;
  /** Characters of the documents that the rows were made of. */
  #loaded = 0;
  #scanned = 0;

  constructor(scope: QueryScope, request: QueryRequest) {
    this.#scope = scope;
    this.#request = request;
    this.#query = request.query;
    this.#env = makeEnv(request.params, scope.container.shared.clock.now(), request.meter);
    this.#position =
      request.continuation === undefined ? undefined : readToken(identityOf(request), request.continuation);
  }

  *run(): QueryWork {
    const { ast, grouped, orderBy } = this.#query;
    if (ast.sources.length === 0) return this.#constant();
    if (grouped) return yield* this.#grouped();
    const narrowed = this.#narrow();
    const { partition, bounds } = narrowed;
    const idTerm = this.#orderedById();
    if (partition !== undefined && (idTerm || (orderBy.length === 0 && hasBounds(bounds)))) {
      const items = idRange(partition, bounds, idTerm?.descending === true, this.#resumeId());
      return yield* this.#stream(new Candidates(items), (item, at) => {
        const after = compareText(item.id, at.id ?? '');
        return idTerm?.descending === true ? -after : after;
      });
    }
    if (orderBy.length > 0) return yield* this.#sorted();
    const from = this.#query.ast.distinct ? 0 : (this.#position?.sequence ?? 0);
    return yield* this.#stream(this.#documents(narrowed, from), (item, at) => item.sequence - at.sequence);
  }

  /**
   * Rows in the order in which documents come. A full page always has a continuation, even if nothing follows: like the
   * service, which then answers the next request with an empty page, it does not look ahead. A page that takes long ends
   * with the rows it has, be it none.
   */
  *#stream(candidates: Candidates, relation: (item: Item, at: Position) => number): QueryWork {
    const query = this.#query;
    const env = this.#env;
    const position = this.#position;
    const start = position ?? START;
    const offset = countOf(query.offset, env, 'OFFSET', 'SC2061') ?? 0;
    const quota = this.#quota();
    const seen = query.ast.distinct ? new Set<string>() : undefined;
    let { taken, skipped } = start;
    if (taken >= quota) return this.#page(undefined);
    for (const candidate of candidates) {
      const { item } = candidate;
      const relative = position === undefined ? 1 : relation(item, position);
      if (relative < 0 && seen === undefined) continue;
      this.#load(candidate);
      const rows = query.rows(env, relative === 0 && seen === undefined ? start.place : undefined);
      const here = (): Position => ({
        sequence: item.sequence,
        rows: 0,
        place: rows.place,
        keys: [],
        id: item.id,
        taken,
        skipped,
      });
      for (let step = rows.next(); step !== 'end'; step = rows.next()) {
        if (step === 'row') {
          const value = query.project(env);
          const fresh = value !== undefined && (seen === undefined || addNew(seen, value, env));
          const returned = relative < 0 || (relative === 0 && !isAfterPlace(rows.place, start.place));
          if (value !== undefined && fresh && !returned) {
            if (skipped < offset) skipped += 1;
            else {
              taken += 1;
              this.#emit(candidate, value);
              if (taken >= quota) return this.#page(undefined);
              if (this.#full()) return this.#page(here());
            }
          }
        }
        yield* this.#pause(candidates);
        if (seen === undefined && env.meter.pageDue) return this.#page(here());
      }
    }
    return this.#page(undefined);
  }

  /** Rows sorted by ORDER BY, resumed after the keys of the last page's last row. */
  *#sorted(): QueryWork {
    const query = this.#query;
    const env = this.#env;
    const start = this.#position ?? START;
    const found: { keys: Value[]; sequence: number; row: number; candidate: Candidate; value: Json }[] = [];
    const candidates = this.#documents(this.#narrow(), 0);
    for (const candidate of candidates) {
      this.#load(candidate);
      const rows = query.rows(env);
      let row = 0;
      for (let step = rows.next(); step !== 'end'; step = rows.next()) {
        if (step === 'row') {
          row += 1;
          const value = query.project(env);
          if (value !== undefined) {
            env.meter.spend(KEPT_ROW_STEPS);
            found.push({ keys: sortKeys(query, env), sequence: candidate.item.sequence, row, candidate, value });
          }
        }
        yield* this.#pause(candidates);
      }
    }
    // Equal keys come in the order of insertion, reversed when a term is descending; the SDK relies on it to resume.
    const tie = query.orderBy.some(({ descending }) => descending) ? -1 : 1;
    const compare = (a: { keys: readonly Value[]; sequence: number; row: number }, b: typeof a): number =>
      compareKeys(query, a.keys, b.keys) || tie * (a.sequence - b.sequence) || a.row - b.row;
    const { sequence, rows } = start;
    const long = this.#position !== undefined && start.keys.length < query.orderBy.length;
    const keys = long ? found.find((entry) => entry.sequence === sequence && entry.row === rows)?.keys : start.keys;
    if (keys === undefined) throw invalidToken();
    const at = { keys, sequence, row: rows };
    found.sort(compare);
    const seen = query.ast.distinct ? new Set<string>() : undefined;
    const offset = countOf(query.offset, env, 'OFFSET', 'SC2061') ?? 0;
    const quota = this.#quota();
    let { taken, skipped } = start;
    let last: Position | undefined;
    for (const [index, entry] of found.entries()) {
      if (seen !== undefined && !addNew(seen, entry.value, env)) continue;
      if (this.#position !== undefined && compare(entry, at) <= 0) continue;
      if (skipped < offset) {
        skipped += 1;
        continue;
      }
      if (taken >= quota) break;
      if (this.#full()) break;
      if (this.#request.merged && entry.sequence !== last?.sequence && this.#overflows(found, index)) {
        return this.#page(last);
      }
      taken += 1;
      this.#emit(entry.candidate, entry.value);
      last = { ...START, sequence: entry.sequence, rows: entry.row, keys: entry.keys, taken, skipped };
    }
    return this.#page(this.#full() && taken < quota ? last : undefined);
  }

  /** Groups are computed anew for every page; their position is their number. */
  *#grouped(): QueryWork {
    const grouping = new Grouping(this.#query, this.#env);
    const candidates = this.#documents(this.#narrow(), 0);
    for (const candidate of candidates) {
      this.#load(candidate);
      const found = this.#query.rows(this.#env);
      for (let step = found.next(); step !== 'end'; step = found.next()) {
        if (step === 'row') grouping.add();
        yield* this.#pause(candidates);
      }
    }
    const seen = this.#query.ast.distinct ? new Set<string>() : undefined;
    const rows = grouping.results().filter((row) => seen === undefined || addNew(seen, row, this.#env));
    const offset = countOf(this.#query.offset, this.#env, 'OFFSET', 'SC2061') ?? 0;
    const window = rows.slice(offset, offset + Math.min(this.#quota(), rows.length));
    let taken = this.#position?.taken ?? 0;
    for (const row of window.slice(taken)) {
      if (this.#full()) break;
      this.#emit(undefined, row);
      taken += 1;
    }
    // A full page has a continuation like any other; what ends at the last group that LIMIT allows has none.
    const done = this.#query.groupBy.length === 0 || !this.#full() || taken >= this.#quota();
    return this.#page(done ? undefined : { ...START, taken });
  }

  /** Lets others have a turn when it is time; they may change documents, so the rest is held as it is before. */
  *#pause(candidates: Candidates): Generator<undefined, void> {
    const { meter } = this.#env;
    if (!meter.pauseDue) return;
    candidates.hold();
    yield;
    meter.resumed();
  }

  /** A query without FROM has one row that depends on no document. */
  #constant(): QueryPage {
    for (const row of runAll(this.#query, this.#env)) this.#emit(undefined, row);
    return this.#page(undefined);
  }

  /** Applies conditions on partition key and id. */
  #narrow(): { partition: LogicalPartition | undefined; nothing: boolean; bounds: IdBounds } {
    const { path } = this.#request;
    const { container, single, accepts } = this.#scope;
    const bounds: IdBounds = {};
    for (const condition of path.idConditions) condition(this.#env, bounds);
    if (single !== undefined) return { partition: single.partition, nothing: single.partition === undefined, bounds };
    const key = keyDemanded(path, container.definition, this.#env);
    if (key === undefined) return { partition: undefined, nothing: false, bounds };
    const partition = container.findPartition(key);
    const visible = partition !== undefined && accepts(partition) ? partition : undefined;
    return { partition: visible, nothing: visible === undefined, bounds };
  }

  /** Candidates in insertion order, from an insertion number on. */
  #documents(
    narrowed: { partition: LogicalPartition | undefined; nothing: boolean; bounds: IdBounds },
    from: number,
  ): Candidates {
    return new Candidates(this.#items(narrowed, from));
  }

  #items(
    { partition, nothing, bounds }: { partition: LogicalPartition | undefined; nothing: boolean; bounds: IdBounds },
    from: number,
  ): Iterable<Item> {
    const { container, accepts } = this.#scope;
    if (nothing) return [];
    const { ids } = bounds;
    if (ids !== undefined) {
      const partitions = partition === undefined ? [...container.partitions.values()].filter(accepts) : [partition];
      const items = partitions.flatMap(({ items: stored }) => [...ids].flatMap((id) => stored.get(id) ?? []));
      return items.filter(({ sequence }) => sequence >= from).sort((a, b) => a.sequence - b.sequence);
    }
    if (partition !== undefined) return liveFrom(partition.bySequence, from, () => true);
    return liveFrom(container.bySequence, from, accepts);
  }

  #orderedById(): { readonly descending: boolean } | undefined {
    const { documentAlias, ast } = this.#query;
    const [term, ...others] = ast.orderBy;
    if (documentAlias === undefined || term === undefined || others.length > 0) return undefined;
    return pathOf(term.expr, documentAlias)?.join('/') === 'id' ? term : undefined;
  }

  #resumeId(): string | undefined {
    return this.#query.ast.distinct ? undefined : this.#position?.id;
  }

  #quota(): number {
    const top = countOf(this.#query.top, this.#env, 'TOP', 'SC2060');
    const limit = countOf(this.#query.limit, this.#env, 'LIMIT', 'SC2062');
    return Math.min(top ?? Number.POSITIVE_INFINITY, limit ?? Number.POSITIVE_INFINITY);
  }

  #load({ item, state }: Candidate): void {
    this.#scanned += 1;
    this.#env.meter.spendOn(state.text);
    this.#env.slots[DOCUMENT_SLOT] = this.#scope.container.parsed(item, state);
  }

  /** Whether the neighbouring rows of the document at `index` would not all fit into the page any more. */
  #overflows(placed: readonly { readonly sequence: number }[], index: number): boolean {
    let rows = 1;
    while (placed[index + rows]?.sequence === placed[index]?.sequence) rows += 1;
    return this.#rows.length > 0 && this.#rows.length + rows > this.#request.pageSize;
  }

  #full(): boolean {
    return this.#rows.length >= this.#request.pageSize || this.#bytes >= MAX_PAGE_BYTES;
  }

  #emit(candidate: Candidate | undefined, value: Json): void {
    const whole = candidate !== undefined && this.#query.wholeDocument;
    const text = whole ? candidate.state.text : JSON.stringify(value);
    this.#env.meter.spendOn(text);
    this.#rows.push(text);
    this.#bytes += text.length;
    this.#loaded += candidate?.state.text.length ?? text.length;
  }

  #page(next: Position | undefined): QueryPage {
    const continuation = next === undefined ? undefined : writeToken(identityOf(this.#request), next);
    return { rows: this.#rows, continuation, scanned: this.#scanned, bytes: this.#bytes, loaded: this.#loaded };
  }
}

/** The part of the text that a position in the results depends on. */
function identityOf({ sql, query }: QueryRequest): string {
  const { from, groupBy, orderBy } = query.ast.spans;
  return [from, groupBy, orderBy].map((span) => (span === undefined ? '' : sql.slice(span.start, span.end))).join('|');
}

function addNew(seen: Set<string>, value: Json, env: Env): boolean {
  const key = canonicalText(value);
  env.meter.spendOn(key);
  if (seen.has(key)) return false;
  env.meter.spend(KEPT_ROW_STEPS);
  seen.add(key);
  return true;
}
