// A read of a domain: a route that answers from the tenant's state and log.
import type { Store, StoreCursor } from '../ports/store.ts';
import { type Parameters, type ParameterValues, paging } from './parameters.ts';
import type { JsonSchema, Static } from './schema.ts';

/** The stores that reads use. */
export interface ReadStores {
  /** The event log. */
  readonly events: Store;
  readonly state: Store;
}

export interface ReadRequest<P extends Parameters = Parameters> {
  readonly tenant: string;
  /** The segment of the path that is in braces; empty if the path has none. It is a valid subject. */
  readonly id: string;
  readonly parameters: ParameterValues<P>;
}

/** Where a page begins, and its maximum number of items. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor?: StoreCursor | undefined;
}

/** A page of a listing. It may be short, even empty, and still have a next page. */
export interface View<T> {
  readonly items: readonly T[];
  readonly next?: StoreCursor;
}

/** The problem for a read of something that does not exist; its code is one of the domain's. */
export interface Missing {
  readonly code: string;
  /** A sentence about the requested id. */
  detail(id: string): string;
}

interface ReadDeclaration<P extends Parameters> {
  /** Names the operation in the OpenAPI document; unique in the application. */
  readonly name: string;
  /** A path below `/v1/`; one segment of it may be `{id}`, which is a subject. */
  readonly path: `/v1/${string}`;
  readonly summary: string;
  readonly parameters?: P;
  /** The answer when the handler returns `undefined`, and for an id that is not a valid subject; 404 `not_found` by default. */
  readonly missing?: Missing;
}

export interface ItemRead<P extends Parameters, S extends JsonSchema> extends ReadDeclaration<P> {
  /** The schema of the answer. */
  readonly answer: S;
  /** Rejects with the store's error when it cannot be read. */
  handle(request: ReadRequest<P>, stores: ReadStores): Promise<Static<S> | undefined>;
}

export interface PageRead<P extends Parameters, S extends JsonSchema> extends ReadDeclaration<P> {
  /** The schema of one item. */
  readonly items: S;
  /** Rejects with the store's error when it cannot be read, and with `invalid` for an unusable cursor. */
  handle(request: ReadRequest<P>, stores: ReadStores, page: PageRequest): Promise<View<Static<S>> | undefined>;
}

/** A read of either kind, as the engine sees it. */
export interface Read {
  readonly name: string;
  readonly path: string;
  readonly summary: string;
  readonly parameters: Parameters;
  readonly missing?: Missing;
  /** The schema of the answer, or of one item of the page that is the answer. */
  readonly answer: JsonSchema | undefined;
  readonly items: JsonSchema | undefined;
  handle(request: ReadRequest, stores: ReadStores, page: PageRequest): Promise<unknown>;
}

/** Declares a read that answers with one item. */
export const itemRead = <P extends Parameters, const S extends JsonSchema>(read: ItemRead<P, S>): Read => ({
  ...read,
  parameters: read.parameters ?? {},
  items: undefined,
  handle: (request, stores) => read.handle(request as ReadRequest<P>, stores),
});

/** Declares a read that answers with pages; adds the parameters `limit` and `cursor`. */
export const pageRead = <P extends Parameters, const S extends JsonSchema>(read: PageRead<P, S>): Read => ({
  ...read,
  parameters: { ...read.parameters, ...paging },
  answer: undefined,
  handle: (request, stores, page) => read.handle(request as ReadRequest<P>, stores, page),
});
