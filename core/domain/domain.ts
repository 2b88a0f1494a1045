// A domain: one value that declares event types, consumers, state and reads, from which the engine makes everything else.

import type { Read } from '../api/read.ts';
import type { MissingCodes } from '../api/refusal.ts';
import type { JsonSchema } from '../api/schema.ts';
import type { Write } from '../api/write.ts';
import type { StatePartition } from '../cell/identity.ts';
import type { CompiledValidator } from '../events/registry.ts';
import type { ConsumerDefinition } from '../pipeline/consumer.ts';
import type { JsonObject } from '../ports/json.ts';
import type { EventType } from './event-type.ts';

/** An event before its envelope: `polycell send` adds identity and time. */
export interface Sample {
  readonly type: string;
  readonly subject: string;
  readonly data: JsonObject;
}

/** An event that is written in fewer words than a CloudEvent needs; identity and source are made where they are missing. */
export interface ShortEvent extends Sample {
  /** RFC 3339. */
  readonly time: string;
  readonly id?: string;
  readonly source?: string;
}

/** How drills count: what the log holds of a subject, and what the consumers have made of it. Paths have a query, to be added to. */
export interface Tally {
  /** The path of a listing, by time, of the subject's events in the log; its items have `id` and `source`. */
  log(subject: string): string;
  /** Reads that each count every event of the subject that a consumer has applied. */
  counts(subject: string): readonly { readonly path: string; count(answer: JsonObject): number }[];
}

export interface Domain {
  /** 1 to 32 of a-z 0-9 -, beginning with a letter. */
  readonly name: string;
  /** A sentence for the OpenAPI document. */
  readonly description: string;
  readonly events: readonly Pick<EventType, 'type' | 'schema'>[];
  /** Event type → validator of its data, and `bodyValidator` of each write, compiled by `npm run generate`. */
  readonly validators: Readonly<Record<string, CompiledValidator>>;
  readonly consumers: readonly ConsumerDefinition[];
  /** The partitions of the state collection that its consumers write. */
  readonly state: readonly StatePartition[];
  readonly reads: readonly Read[];
  readonly writes: readonly Write[];
  /** Codes of the problems that its reads and writes answer with 404, and their titles. */
  readonly missing: MissingCodes;
  /** Schemas by the names that they have in the OpenAPI document. */
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  /**
   * A made-up event for `polycell send`: the `round`-th one of the `subject`-th subject, both counted from 0. The same numbers
   * give the same event.
   */
  sample(subject: number, round: number): Sample;
  /** Reads a line of JSON that is not a CloudEvent; a text says why it cannot. */
  fromShort?(line: JsonObject): ShortEvent | string;
  readonly tally?: Tally;
}

/** What a domain may leave out. */
type Optional = 'state' | 'reads' | 'writes' | 'missing' | 'schemas' | 'consumers';

/** Declares a domain. `applicationFaults` says what may not be, and `npm run check` asks it. */
export const defineDomain = (domain: Omit<Domain, Optional> & Partial<Pick<Domain, Optional>>): Domain => ({
  consumers: [],
  state: [],
  reads: [],
  writes: [],
  missing: {},
  schemas: {},
  ...domain,
});
