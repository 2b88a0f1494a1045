// The OpenAPI document of a cell, generated from the routes, limits, schemas and problems that the API itself uses.

import { IndexProgress, PushProgress, Received, ReplicaNote } from '../api/progress.ts';
import { TENANT_CODES } from '../api/refusal.ts';
import type { JsonSchema } from '../api/schema.ts';
import { object, page, text, time } from '../api/schema.ts';
import { type Application, missingCodes } from '../domain/application.ts';
import { EVENT_LIMITS } from '../events/accept.ts';
import { SUBJECT_PATTERN } from '../events/subject.ts';
import { INGEST_LIMITS } from '../pipeline/ingest.ts';
import { RECEIPT_LIMITS } from '../pipeline/receipts.ts';
import { DIGEST_LIMITS } from '../replication/digests.ts';
import { RECEIVE_LIMITS } from '../replication/receive.ts';
import {
  Conflict,
  Digests,
  Erasure,
  ErasureProgress,
  Health,
  HearProgress,
  Holdings,
  IngestSummary,
  LogDigest,
  LogPage,
  ParkedEvent,
  Rebuild,
  RebuildProgress,
  ReceiptStates,
  Redrive,
  RedriveSummary,
} from './bodies.ts';
import { EVENT_MEDIA_TYPES } from './body.ts';
import { answer, content, describePaths, problemSchema, ref, type Specifics } from './openapi-parts.ts';
import { readRoutes } from './reads.ts';
import { type RouteName, routes } from './routes.ts';
import { idempotencyParameter, Written, writeRoutes } from './writes.ts';

const cloudEvent = (types: readonly string[], data: readonly JsonSchema[]) => ({
  ...object(['specversion', 'id', 'source', 'type', 'subject', 'time', 'data'], {
    specversion: { const: '1.0' },
    id: { ...text, minLength: 1, description: `1 to ${EVENT_LIMITS.identityBytes} bytes.` },
    source: { ...text, minLength: 1, description: `1 to ${EVENT_LIMITS.identityBytes} bytes.` },
    type: { type: 'string', enum: types },
    subject: { type: 'string', pattern: SUBJECT_PATTERN },
    time: { ...time, description: `At most ${EVENT_LIMITS.futureMs / 60_000} minutes in the future.` },
    datacontenttype: text,
    traceparent: text,
    data: dataOf(data),
  }),
  additionalProperties: { type: ['string', 'number', 'boolean'] },
  description: `At most ${EVENT_LIMITS.eventBytes} bytes of JSON.`,
});

/** The schema of event data: that of any type. Data can match the open schemas of several types. */
const dataOf = (data: readonly JsonSchema[]) => (data.length === 1 ? { oneOf: data } : { anyOf: data });

/** Success answers and request bodies of the engine's own routes. */
const specificsOf = (data: readonly JsonSchema[], example: object | undefined): Record<RouteName, Specifics> => ({
  ingest: {
    requestBody: {
      required: true,
      description: `At most ${INGEST_LIMITS.requestBytes} bytes.`,
      content: {
        [EVENT_MEDIA_TYPES.structured]: { schema: ref('CloudEvent'), ...(example && { example }) },
        ...content(
          { type: 'array', minItems: 1, maxItems: INGEST_LIMITS.events, items: ref('CloudEvent') },
          EVENT_MEDIA_TYPES.batch,
        ),
        ...content(dataOf(data), EVENT_MEDIA_TYPES.binary),
      },
    },
    responses: {
      202: answer('All events are stored; some may have been stored before.', ref('IngestSummary')),
      207: answer('Some events are stored, the others are rejected.', ref('IngestSummary')),
      400: {
        description: 'All events are rejected.',
        content: { ...content(ref('IngestSummary')), ...content(ref('Problem'), 'application/problem+json') },
      },
    },
  },
  health: {
    responses: {
      200: answer('The cell is healthy or degraded.', ref('Health')),
      503: {
        description: 'The cell is down, or its health is unknown.',
        content: { ...content(ref('Health')), ...content(ref('Problem'), 'application/problem+json') },
      },
    },
  },
  parked: { responses: { 200: answer('A page.', page(ref('ParkedEvent'))) } },
  redrive: {
    requestBody: { required: true, content: content(ref('Redrive')) },
    responses: { 200: answer('The number of events sent again.', ref('RedriveSummary')) },
  },
  drop: { responses: { 204: answer('The event has been removed.') } },
  rebuild: {
    requestBody: { required: true, content: content(ref('Rebuild')) },
    responses: { 200: answer('How far it has come.', ref('RebuildProgress')) },
  },
  conflicts: { responses: { 200: answer('A page.', page(ref('Conflict'))) } },
  log: { responses: { 200: answer('A page.', ref('LogPage')) } },
  logDigest: { responses: { 200: answer('Of the events up to next.', ref('LogDigest')) } },
  replicaEvents: {
    requestBody: {
      required: true,
      content: content(
        object(['tenant', 'events'], {
          tenant: text,
          events: {
            type: 'array',
            maxItems: RECEIVE_LIMITS.events,
            items: object(['partition', 'id', 'body'], {
              partition: text,
              id: text,
              body: { type: 'object' },
              beside: { type: 'object' },
            }),
          },
        }),
      ),
    },
    responses: { 200: answer('What became of each.', ref('Received')) },
  },
  replicaDigests: {
    requestBody: {
      required: true,
      content: content(
        object(['tenant', 'ranges'], {
          tenant: text,
          ranges: { type: 'array', maxItems: DIGEST_LIMITS.ranges, items: { type: 'object' } },
          list: { type: 'object' },
          further: { type: 'array', maxItems: DIGEST_LIMITS.ranges - 1, items: { type: 'object' } },
          passed: { type: 'object' },
        }),
      ),
    },
    responses: { 200: answer('Which ranges are equal, and how one differs.', ref('Digests')) },
  },
  replicaReceipts: {
    requestBody: {
      required: true,
      content: content(
        object(['tenant', 'consumer', 'events'], {
          tenant: text,
          consumer: text,
          events: {
            type: 'array',
            maxItems: RECEIPT_LIMITS.events,
            items: object(['subject', 'id'], { subject: text, id: text }),
          },
          claimed: { type: 'boolean', description: 'The effects of these have happened in the cell that sends them.' },
        }),
      ),
    },
    responses: { 200: answer('What became of each.', ref('ReceiptStates')) },
  },
  replicaHear: { responses: { 200: answer('What was done, and where to go on.', ref('HearProgress')) } },
  replicaDerive: {
    requestBody: {
      required: true,
      content: content(
        object(['assignment'], {
          assignment: text,
          ahead: { type: 'boolean', description: 'Also if the cell does not serve the tenant yet.' },
        }),
      ),
    },
    responses: { 200: answer('How far it has come.', ref('RebuildProgress')) },
  },
  replicaPush: {
    requestBody: {
      required: true,
      content: content(
        object(['assignment'], {
          assignment: text,
          restart: { type: 'boolean' },
          verify: { type: 'boolean' },
          once: { type: 'boolean' },
          budget: { type: 'integer', minimum: 1 },
          receipts: { type: 'boolean', description: 'Say as well which effects that happen once have happened here.' },
        }),
      ),
    },
    responses: { 200: answer('How far it has come.', ref('PushProgress')) },
  },
  fence: {
    requestBody: { required: false, content: content(object(['assignment'], { assignment: text })) },
    responses: { 204: answer('The cell knows this epoch or a newer one, and the assignment or a newer one.') },
  },
  replicas: { responses: { 200: answer('A page.', page(ref('ReplicaNote'))) } },
  holdings: { responses: { 200: answer('A page.', ref('Holdings')) } },
  index: { responses: { 200: answer('How far it has come.', ref('IndexProgress')) } },
  erase: {
    requestBody: { required: true, content: content(ref('Erasure')) },
    responses: { 200: answer('How far it has come.', ref('ErasureProgress')) },
  },
  openapi: { responses: { 200: answer('This document.', { type: 'object' }) } },
});

/** An event of the first domain; `undefined` for an application without one. */
function exampleOf([domain]: Application): object | undefined {
  if (domain === undefined) return undefined;
  const { type, subject, data } = domain.sample(0, 0);
  return {
    specversion: '1.0',
    id: '1',
    source: 'urn:example:gateway-7',
    type,
    subject,
    time: '2026-11-21T07:41:03Z',
    data,
  };
}

/** The document of a cell that runs this application. */
export function openApiDocument(application: Application): unknown {
  const events = application.flatMap((domain) => domain.events);
  const named = Object.assign({}, ...application.map(({ schemas }) => schemas)) as Readonly<Record<string, JsonSchema>>;
  const names = new Map(Object.entries(named).map(([name, schema]) => [schema, name]));
  const reference = (schema: JsonSchema): JsonSchema => {
    const name = names.get(schema);
    return name === undefined ? schema : ref(name);
  };
  const data = events.map(({ schema }) => reference(schema));
  const reads = readRoutes(application);
  const readSpecifics = Object.fromEntries(
    Object.values(reads).map((read): [string, Specifics] => [
      read.name,
      {
        responses: {
          200:
            read.items === undefined
              ? answer('The answer.', reference(read.answer ?? {}))
              : answer('A page.', page(reference(read.items))),
        },
      },
    ]),
  );
  const writes = writeRoutes(application);
  const writeSpecifics = Object.fromEntries(
    Object.values(writes).map((write): [string, Specifics] => [
      write.name,
      {
        inHeader: [idempotencyParameter],
        ...(write.body !== undefined && {
          requestBody: { required: true, content: content(reference(write.body)) },
        }),
        responses: { 202: answer('The event is stored.', ref('Written')) },
      },
    ]),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'A Polycell cell',
      version: '1',
      description: application.map(({ description }) => description).join(' '),
    },
    paths: describePaths<string>(
      { ...routes, ...reads, ...writes },
      { ...specificsOf(data, exampleOf(application)), ...readSpecifics, ...writeSpecifics },
      'routeToken',
    ),
    components: {
      securitySchemes: { routeToken: { type: 'apiKey', in: 'header', name: 'x-polycell-route' } },
      schemas: {
        CloudEvent: cloudEvent(
          events.map(({ type }) => type),
          data,
        ),
        IngestSummary,
        ...(Object.keys(writes).length > 0 && { Written }),
        ...named,
        ParkedEvent,
        Redrive,
        RedriveSummary,
        Rebuild,
        RebuildProgress,
        Erasure,
        ErasureProgress,
        Received,
        Digests,
        ReceiptStates,
        HearProgress,
        PushProgress,
        ReplicaNote,
        Conflict,
        LogPage,
        LogDigest,
        Holdings,
        IndexProgress,
        Health,
        Problem: problemSchema([...TENANT_CODES, ...Object.keys(missingCodes(application))]),
      },
    },
  };
}
