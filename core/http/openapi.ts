// The OpenAPI document, made from the routes, limits, schemas and problem codes that the API itself runs on.
import { NAME_PATTERN } from '../cell/identity.ts';
import { eventSchemas } from '../domains/telemetry/schemas.ts';
import { EVENT_LIMITS, SUBJECT_PATTERN } from '../events/accept.ts';
import { INGEST_LIMITS } from '../pipeline/ingest.ts';
import { PARKING_LIMITS } from '../pipeline/parking.ts';
import { EVENT_MEDIA_TYPES } from './body.ts';
import {
  answer,
  content,
  count,
  describePaths,
  number,
  object,
  page,
  problemSchema,
  ref,
  type Specifics,
  text,
  time,
} from './openapi-parts.ts';
import { PROBLEMS } from './problem.ts';
import { type RouteName, routes } from './routes.ts';

const schemas = {
  CloudEvent: {
    ...object(['specversion', 'id', 'source', 'type', 'subject', 'time', 'data'], {
      specversion: { const: '1.0' },
      id: { ...text, minLength: 1, description: `1 to ${EVENT_LIMITS.identityBytes} bytes.` },
      source: { ...text, minLength: 1, description: `1 to ${EVENT_LIMITS.identityBytes} bytes.` },
      type: { type: 'string', enum: Object.keys(eventSchemas) },
      subject: { type: 'string', pattern: SUBJECT_PATTERN },
      time: { ...time, description: `At most ${EVENT_LIMITS.futureMs / 60_000} minutes in the future.` },
      datacontenttype: text,
      traceparent: text,
      data: { oneOf: Object.values(eventSchemas) },
    }),
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    description: `At most ${EVENT_LIMITS.eventBytes} bytes of JSON.`,
  },
  IngestSummary: object(['accepted', 'duplicates', 'rejected', 'results'], {
    accepted: count,
    duplicates: count,
    rejected: count,
    results: {
      type: 'array',
      items: object(['id', 'source', 'status'], {
        id: { type: ['string', 'null'] },
        source: { type: ['string', 'null'] },
        status: { type: 'string', enum: ['accepted', 'duplicate', 'rejected'] },
        error: object(['code', 'detail'], { code: text, detail: text, pointer: text }),
      }),
    },
  }),
  Device: object(['id', 'readings', 'metrics'], {
    id: { type: 'string', pattern: SUBJECT_PATTERN },
    lastSeen: time,
    readings: count,
    metrics: { type: 'object', additionalProperties: object(['value', 'time'], { value: number, unit: text, time }) },
  }),
  Reading: object(['id', 'source', 'time', 'metric', 'value'], {
    id: text,
    source: text,
    time,
    metric: text,
    value: number,
    unit: text,
  }),
  Rollup: object(['metric', 'window', 'start', 'count', 'min', 'max', 'sum', 'last'], {
    metric: text,
    window: { type: 'string', enum: ['1m', '1h', '1d'] },
    start: time,
    count,
    min: number,
    max: number,
    sum: number,
    last: number,
  }),
  Alert: { type: 'object' },
  ParkedEvent: object(['id', 'consumer', 'tenant', 'parkedAt', 'reason'], {
    id: text,
    consumer: text,
    tenant: { type: 'string', pattern: NAME_PATTERN },
    parkedAt: time,
    reason: object(['code', 'message'], { code: text, message: text }),
    event: ref('CloudEvent'),
    text,
  }),
  Redrive: object(['consumer'], {
    consumer: text,
    ids: { type: 'array', items: text, maxItems: PARKING_LIMITS.redriveEvents },
  }),
  RedriveSummary: object(['redriven', 'failed', 'more'], { redriven: count, failed: count, more: { type: 'boolean' } }),
  Health: object(['status', 'cell', 'cloud', 'region', 'version'], {
    status: { type: 'string', enum: ['ok', 'degraded', 'down'] },
    cell: text,
    cloud: text,
    region: text,
    version: text,
    peer: object(['cell', 'reached', 'detail'], { cell: text, reached: { type: 'boolean' }, detail: text }),
  }),
  Problem: problemSchema(PROBLEMS),
};

const ingestBody = {
  required: true,
  description: `At most ${INGEST_LIMITS.requestBytes} bytes.`,
  content: {
    ...content(ref('CloudEvent'), EVENT_MEDIA_TYPES.structured),
    ...content(
      { type: 'array', minItems: 1, maxItems: INGEST_LIMITS.events, items: ref('CloudEvent') },
      EVENT_MEDIA_TYPES.batch,
    ),
    ...content({ oneOf: Object.values(eventSchemas) }, EVENT_MEDIA_TYPES.binary),
  },
};

/** Each route's answers on success, and its body. */
const specifics: Record<RouteName, Specifics> = {
  ingest: {
    requestBody: ingestBody,
    responses: {
      202: answer('Every event is stored, now or before.', ref('IngestSummary')),
      207: answer('Some events are stored, others are rejected.', ref('IngestSummary')),
      400: {
        description: 'No event is acceptable.',
        content: { ...content(ref('IngestSummary')), ...content(ref('Problem'), 'application/problem+json') },
      },
    },
  },
  devices: { responses: { 200: answer('A page.', page('Device')) } },
  device: { responses: { 200: answer('The device.', ref('Device')) } },
  readings: { responses: { 200: answer('A page.', page('Reading')) } },
  rollups: { responses: { 200: answer('A page.', page('Rollup')) } },
  alerts: { responses: { 200: answer('A page.', page('Alert')) } },
  health: {
    responses: { 200: answer('It works, perhaps slowly.', ref('Health')), 503: answer('It does not.', ref('Health')) },
  },
  parked: { responses: { 200: answer('A page.', page('ParkedEvent')) } },
  redrive: {
    requestBody: { required: true, content: content(ref('Redrive')) },
    responses: { 200: answer('What was sent again.', ref('RedriveSummary')) },
  },
  drop: { responses: { 204: answer('It is gone.') } },
  openapi: { responses: { 200: answer('This document.', { type: 'object' }) } },
};

/** The document as an object; `npm run generate` writes it beside this file, and the API serves that. */
export function openApiDocument(): unknown {
  return {
    openapi: '3.1.0',
    info: { title: 'A Polycell cell', version: '1', description: 'Events in, device state and rollups out.' },
    paths: describePaths<RouteName>(routes, specifics, 'routeToken'),
    components: {
      securitySchemes: { routeToken: { type: 'apiKey', in: 'header', name: 'x-polycell-route' } },
      schemas,
    },
  };
}
