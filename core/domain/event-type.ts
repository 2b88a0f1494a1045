// An event type of a domain: its name, the schema of its data, and how its events are recognised.
import type { JsonSchema, Static } from '../api/schema.ts';
import type { CloudEvent } from '../ports/cloud-event.ts';

/** An event whose data has the shape that a schema says. */
export type EventOf<S> = CloudEvent & { readonly data: Static<S> };

export interface EventType<S extends JsonSchema = JsonSchema> {
  /** The CloudEvents `type`, with the version of its schema at the end: `io.example.order-placed.v1`. */
  readonly type: string;
  readonly schema: S;
  /**
   * Whether an event is of this type. Its data were checked when it was accepted, by the schema that the release of that day had:
   * a schema is never narrowed, a new form gets a new type.
   */
  is(event: CloudEvent): event is EventOf<S>;
}

/** Declares an event type. */
export const eventType = <const S extends JsonSchema>(type: string, schema: S): EventType<S> => ({
  type,
  schema,
  is: (event): event is EventOf<S> => event.type === type,
});
