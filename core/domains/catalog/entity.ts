// A kind of dimensional data: its event types, its reads and its writes, made from the fields that an item of the kind has.
import { listing } from '../../api/listing.ts';
import { itemRead, pageRead, type Read } from '../../api/read.ts';
import { type JsonSchema, object, text, time } from '../../api/schema.ts';
import { type Write, type WriteContext, write } from '../../api/write.ts';
import { domainPartition, type StatePartition } from '../../cell/identity.ts';
import { type EventType, eventType } from '../../domain/event-type.ts';
import type { CloudEvent } from '../../ports/cloud-event.ts';
import type { Json, JsonObject } from '../../ports/json.ts';
import { itemIn, type Registers, readItem } from '../../replication/register-consumer.ts';
import {
  type Assignment,
  basisOf,
  hybridTime,
  type Item,
  newestOf,
  readBasis,
  valuesOf,
} from '../../replication/registers.ts';

/** Characters of a value of a field. */
export const VALUE_CHARACTERS = 1024;

type Fields = Readonly<Record<string, Json>>;

/** Of events that say all by their type and subject. */
const NO_DATA = object([], {});

export interface EntityOptions {
  /** Of one item, as in event types and subjects. */
  readonly kind: string;
  /** Of many, as in paths. */
  readonly plural: string;
  /** What texts call one item. */
  readonly noun: string;
  /** Field → what it means. Every field is a text, and none is required. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Entity {
  readonly events: readonly Pick<EventType, 'type' | 'schema'>[];
  readonly partition: StatePartition;
  readonly registers: Registers;
  readonly reads: readonly Read[];
  readonly writes: readonly Write[];
  /** The code of the problem for an item that does not exist. */
  readonly missing: string;
  /** The schema of an item as it is read, and of the body of a write. */
  readonly schemas: { readonly item: JsonSchema; readonly body: JsonSchema };
}

/** Declares a kind. The subject of its events is the kind and the id: `device:pump-1`. */
export function entity({ kind, plural, noun, fields }: EntityOptions): Entity {
  const names = Object.keys(fields);
  const each = (schema: JsonSchema) =>
    Object.fromEntries(names.map((name) => [name, { ...schema, description: fields[name] }]));
  const body = {
    ...object([], each({ type: ['string', 'null'], maxLength: VALUE_CHARACTERS })),
    additionalProperties: false,
  } as const;
  const described = eventType(`io.polycell.${kind}-described.v1`, body);
  const removed = eventType(`io.polycell.${kind}-removed.v1`, NO_DATA);
  const item: JsonSchema = object(['id', 'updated'], {
    id: text,
    ...each(text),
    updated: { ...time, description: 'When it was last written.' },
  });

  const subjectOf = (id: string): string => `${kind}:${id}`;
  const partition = domainPartition(`catalog.${plural}`, subjectOf);
  const registers: Registers = {
    types: [described.type, removed.type],
    key: (tenant, subject) =>
      subject.startsWith(subjectOf('')) && subject !== subjectOf('')
        ? { partition: partition.of(tenant), id: subject.slice(subjectOf('').length) }
        : undefined,
    project: (event) => assignmentOf(event),
  };
  const assignmentOf = ({ type, data, basis: seen }: CloudEvent): Assignment => {
    const basis = readBasis(seen);
    return type === removed.type ? { removed: true, basis } : { fields: data as JsonObject as Fields, basis };
  };

  const view = (id: string, found: Item): JsonObject | undefined => {
    const values = valuesOf(found);
    const position = newestOf(found)?.position;
    if (values === undefined || position === undefined) return undefined;
    return { id, ...values, updated: `${position.slice(0, position.indexOf('!'))}Z` };
  };

  const code = `unknown_${kind === 'device' ? 'catalog_device' : kind}`;
  const missing = { code, detail: (id: string) => `There is no ${noun} ${JSON.stringify(id.slice(0, 128))}.` };
  const path = `/v1/catalog/${plural}/{id}` as const;
  const operation = (verb: string) => `${verb}${noun.replaceAll(/(?:^| )(\w)/g, (_, letter) => letter.toUpperCase())}`;

  const reads = [
    pageRead({
      name: operation('list').concat('s'),
      path: `/v1/catalog/${plural}`,
      summary: `The ${noun}s of the tenant, by id.`,
      items: item,
      handle: async ({ tenant }, { state }, page) =>
        listing(state, partition.of(tenant), {}, page, (document) => {
          const shown = view(document.id, itemIn(document));
          return shown === undefined ? [] : [shown];
        }),
    }),
    itemRead({
      name: operation('read'),
      path,
      summary: `One ${noun}.`,
      missing,
      answer: item,
      handle: async ({ tenant, id }, stores) => view(id, await readItem(registers, stores, tenant, subjectOf(id))),
    }),
  ];

  /** The envelope of a write to an item as it is now. What the cell had seen of others goes along as an attribute. */
  const next = (found: Item, { cell, epoch, now }: WriteContext) => ({
    time: hybridTime(found, epoch, now),
    extensions: { basis: basisOf(found, cell) },
  });
  const find = (tenant: string, id: string, context: WriteContext) =>
    readItem(registers, context, tenant, subjectOf(id));

  const writes = [
    write({
      name: operation('describe'),
      method: 'PUT',
      path,
      summary: `Describe a ${noun}: fields that the body lacks have no value any more.`,
      body,
      subject: subjectOf,
      missing,
      async toEvent({ tenant, id, body: given }, context) {
        const values = given as Fields;
        const data = Object.fromEntries(names.map((name) => [name, values[name] ?? null]));
        return { type: described.type, data, ...next(await find(tenant, id, context), context) };
      },
    }),
    write({
      name: operation('change'),
      method: 'PATCH',
      path,
      summary: `Change some fields of a ${noun}: null takes a value away (RFC 7396).`,
      body,
      subject: subjectOf,
      missing,
      async toEvent({ tenant, id, body: given }, context) {
        const found = await find(tenant, id, context);
        if (valuesOf(found) === undefined) return undefined;
        return { type: described.type, data: given as Fields, ...next(found, context) };
      },
    }),
    write({
      name: operation('remove'),
      method: 'DELETE',
      path,
      summary: `Remove a ${noun}.`,
      subject: subjectOf,
      missing,
      async toEvent({ tenant, id }, context) {
        const found = await find(tenant, id, context);
        if (valuesOf(found) === undefined) return undefined;
        return { type: removed.type, data: {}, ...next(found, context) };
      },
    }),
  ];

  return { events: [described, removed], partition, registers, reads, writes, missing: code, schemas: { item, body } };
}
