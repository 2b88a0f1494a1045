// A write of a domain: a route whose request becomes one event, which is accepted like an event that a client posts.
import type { EpochMs } from '../ports/clock.ts';
import type { JsonObject } from '../ports/json.ts';
import type { Parameters, ParameterValues } from './parameters.ts';
import type { Missing, ReadStores } from './read.ts';
import type { JsonSchema, Static } from './schema.ts';

export interface WriteRequest<P extends Parameters = Parameters, Body = unknown> {
  readonly tenant: string;
  /** The segment of the path that is in braces; empty if the path has none. It is a valid subject. */
  readonly id: string;
  readonly parameters: ParameterValues<P>;
  /** The request's body, which is as the schema says; `undefined` for a write without one. */
  readonly body: Body;
}

/** Where and when the request is accepted. */
export interface WriteContext extends ReadStores {
  /** The id of this cell. */
  readonly cell: string;
  /** The tenant's epoch, under which the event will be accepted. */
  readonly epoch: number;
  readonly now: EpochMs;
}

/** The event of a write before its envelope: the engine adds identity and source. */
export interface WrittenEvent {
  readonly type: string;
  readonly data: JsonObject;
  /** RFC 3339; the time of acceptance by default. */
  readonly time?: string;
  /** Extension attributes of the event. */
  readonly extensions?: Readonly<Record<string, string>>;
}

interface WriteDeclaration<P extends Parameters> {
  /** Names the operation in the OpenAPI document, and the source of its events; unique among the reads and writes of the application. */
  readonly name: string;
  readonly method: 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** A path below `/v1/`; one segment of it may be `{id}`, which is a subject. */
  readonly path: `/v1/${string}`;
  readonly summary: string;
  readonly parameters?: P;
  /** The answer where `toEvent` returns `undefined`, and for an id that is not a valid subject; 404 `not_found` by default. */
  readonly missing?: Missing;
  /** The subject of the event, by the id in the path; the id itself by default. */
  subject?(id: string): string;
}

export interface WriteDefinition<P extends Parameters, S extends JsonSchema> extends WriteDeclaration<P> {
  /** The schema of the request's body, which is JSON; without it there is no body. */
  readonly body?: S;
  /**
   * The event that the request becomes; `undefined` for one about something that does not exist. It may read the stores, and write nothing:
   * it is not called again for a repeat. Rejects with the store's error when it cannot be read.
   */
  toEvent(
    request: WriteRequest<P, JsonSchema extends S ? undefined : Static<S>>,
    context: WriteContext,
  ): Promise<WrittenEvent | undefined>;
}

/** A write as the engine sees it. */
export interface Write {
  readonly name: string;
  readonly method: WriteDeclaration<Parameters>['method'];
  readonly path: string;
  readonly summary: string;
  readonly parameters: Parameters;
  readonly missing?: Missing;
  readonly body: JsonSchema | undefined;
  subject(id: string): string;
  toEvent(request: WriteRequest, context: WriteContext): Promise<WrittenEvent | undefined>;
}

/** The name of the validator of a write's body, beside those of event types, none of which has a colon. */
export const bodyValidator = (write: Pick<Write, 'name'>): string => `body:${write.name}`;

/** Declares a write. */
export const write = <P extends Parameters, const S extends JsonSchema>(definition: WriteDefinition<P, S>): Write => ({
  ...definition,
  parameters: definition.parameters ?? {},
  body: definition.body,
  subject: definition.subject ?? ((id) => id),
  toEvent: (request, context) =>
    definition.toEvent(request as WriteRequest<P, JsonSchema extends S ? undefined : Static<S>>, context),
});
