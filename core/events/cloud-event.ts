// The CloudEvents 1.0 event as Polycell keeps it, its identity, and the compact form in which it is stored.
import { sha256 } from '@noble/hashes/sha2';
import { utf8ToBytes } from '@noble/hashes/utils';
import type { CloudEvent } from '../ports/cloud-event.ts';
import { isJsonObject, type Json, type JsonObject } from '../ports/json.ts';
import type { Beside, Key } from '../ports/store.ts';
import { withDigest } from './copies.ts';
import { parseTime } from './time.ts';

/** Separates the parts of a partition: tenants and subjects cannot contain it. */
const SEPARATOR = '|';

/** Ends the time in a document's id: sorts before every digit and the full stop, so that ids sort by time. */
const AFTER_TIME = '!';

/** 96 bits make a collision among the events of one subject at one instant negligible. */
const IDENTITY_CHARACTERS = 16;

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The first `characters` of the base64url form of the SHA-256 of `text`. */
export function fingerprint(text: string, characters: number = IDENTITY_CHARACTERS): string {
  const digest = sha256(utf8ToBytes(text));
  let out = '';
  for (let bit = 0; out.length < characters; bit += 6) {
    const byte = bit >> 3;
    const pair = ((digest[byte] ?? 0) << 8) | (digest[byte + 1] ?? 0);
    out += BASE64URL[(pair >> (10 - (bit & 7))) & 63];
  }
  return out;
}

/** The partition of the event log that holds the events of one subject of one tenant. */
export const logPartition = (tenant: string, subject: string): string => `${tenant}${SEPARATOR}${subject}`;

/** The key of an event. Equal for two events exactly when their tenant, subject, source, id and instant are equal. */
export function eventKey(tenant: string, event: CloudEvent): Key {
  const instant = parseTime(event.time);
  if (instant === undefined) throw new TypeError(`An accepted event has the time ${event.time}, which is none.`);
  const identity = fingerprint(JSON.stringify([event.source, event.id]));
  return { partition: logPartition(tenant, event.subject), id: instant.sortKey + AFTER_TIME + identity };
}

/**
 * The body that an event is stored with: omits what its key already contains, so that the log's items stay small (DynamoDB
 * bills writes by the KiB). `fromStored` restores it.
 */
function toStored(event: CloudEvent, key: Key): JsonObject {
  const { specversion: _version, subject: _subject, time, ...rest } = event;
  if (time === timeOf(key.id)) return rest;
  return { ...rest, time: time === `${sortKeyOf(key.id)}Z` ? SHORT : time };
}

/** Replaces a time in its shortest form, such as `2026-11-21T07:41:03Z`. */
const SHORT = 'Z';

/** The tenant whose log contains a document; empty for a partition that is not part of a log. */
export const tenantOf = ({ partition }: Pick<Key, 'partition'>): string =>
  partition.slice(0, Math.max(0, partition.indexOf(SEPARATOR)));

/** A document of the log, or its record in the change stream. */
export type LogDocument = Key & { readonly body: Json; readonly beside?: Beside; readonly digest?: string };

/**
 * What a cell notes of an event beside its body: in which cell, under which epoch and when it was accepted, and the context of the request that
 * brought it, which is the `traceparent` of an event without one. So the same event has the same body in every cell that accepts it.
 */
export type Acceptance = {
  readonly origin: string;
  readonly epoch: number;
  readonly traceparent?: string;
  /** When, by that cell's clock, in milliseconds; absent for events of earlier releases. */
  readonly at?: number;
};

/** The document of an event in the log; without a note, and without a digest, as earlier releases stored it. */
export function toLogDocument(tenant: string, event: CloudEvent, noted?: Acceptance): LogDocument {
  const key = eventKey(tenant, event);
  const document = { ...key, body: toStored(event, key) };
  return noted === undefined ? document : withDigest({ ...document, beside: noted });
}

/** The event and tenant of a stored document; for a document that is not an event, an event without a type. */
export function fromStored(key: LogDocument): {
  tenant: string;
  event: CloudEvent;
  origin?: string;
  context?: string;
  acceptedAt?: number;
} {
  const { body, beside } = key;
  const tenant = tenantOf(key);
  const stored = isJsonObject(body) ? body : {};
  const event = {
    specversion: '1.0',
    ...(beside?.traceparent !== undefined && { traceparent: beside.traceparent }),
    ...stored,
    subject: key.partition.slice(tenant.length + 1),
    time:
      stored.time === SHORT ? `${sortKeyOf(key.id)}Z` : typeof stored.time === 'string' ? stored.time : timeOf(key.id),
  } as CloudEvent;
  const { origin, traceparent: context, at } = beside ?? {};
  return {
    tenant,
    event,
    ...(typeof origin === 'string' && { origin }),
    ...(typeof context === 'string' && context !== event.traceparent && { context }),
    ...(typeof at === 'number' && { acceptedAt: at }),
  };
}

const sortKeyOf = (id: string): string => id.slice(0, id.indexOf(AFTER_TIME));

/** The time in a document's id as JavaScript writes it, as most clients do: with at least three fractional digits. */
function timeOf(id: string): string {
  const sortKey = sortKeyOf(id);
  const fraction = sortKey.slice('2026-11-21T07:41:03.'.length);
  return fraction.length >= 3
    ? `${sortKey}Z`
    : `${sortKey.slice(0, '2026-11-21T07:41:03'.length)}.${fraction.padEnd(3, '0')}Z`;
}
