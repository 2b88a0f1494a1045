// Opens links: reads what a client's attach asks for, and writes the attach that grants or refuses it.
import type { ServiceBusError } from '../errors.ts';
import type { AttachRequest, LinkEnd } from './connection.ts';
import { describeSource } from './describe-source.ts';
import { type Encodable, long, map, raw, symbol, uint, ulong } from './encode.ts';
import { encodeError, type Frame } from './frames.ts';
import type { Session } from './session.ts';
import { Described, entry, numberOr, text, type Value } from './values.ts';

const COORDINATOR = 0x30;
const SETTLED = 1;
const TICKS_PER_MS = 10_000n;
const TICKS_AT_1970 = 621_355_968_000_000_000n;

/** What the client of an attach asks for. `signal` tells whoever decides that it has given up. */
export function readAttach({ fields }: Frame, session: Session, signal: AbortSignal): AttachRequest {
  const [name, , role, sendMode, , source, target, , , , , , , properties] = fields;
  const clientReceives = role === true;
  return {
    connection: session.connection,
    session,
    name: text(name) ?? '',
    clientReceives,
    transactional: target instanceof Described && target.descriptor === COORDINATOR,
    address: addressOf(clientReceives ? source : target) ?? '',
    replyAddress: clientReceives ? addressOf(target) : undefined,
    filter: filterOf(source),
    settled: numberOr(sendMode, 2) === SETTLED,
    timeoutMs: numberOr(entry(properties, 'com.microsoft:timeout'), undefined),
    signal,
  };
}

/** The fields of the attach that grants a link. */
export function grantingAttach(
  { fieldBytes }: Frame,
  handle: number,
  request: AttachRequest,
  end: LinkEnd,
): Encodable[] {
  const bytesOf = (index: number): Encodable => (fieldBytes[index] === undefined ? null : raw(fieldBytes[index]));
  const head = [request.name, uint(handle), !request.clientReceives, bytesOf(3), bytesOf(4)];
  if (end.kind === 'sender') return [...head, bytesOf(5), bytesOf(6), null, null, null, ulong(end.maxMessageSize)];
  const { session } = end;
  const source = session === undefined ? bytesOf(5) : describeSource(fieldBytes[5], session.id);
  const properties =
    session === undefined
      ? null
      : map([[symbol('com.microsoft:locked-until-utc'), long(dotNetTicks(session.lockedUntil))]]);
  return [...head, source, bytesOf(6), null, null, uint(0), ulong(Number.MAX_SAFE_INTEGER), null, null, properties];
}

/** The fields of the attach that comes before a refusal: without the terminus that the server would have provided. */
export function refusingAttach({ fields, fieldBytes }: Frame, handle: number): Encodable[] {
  const clientReceives = fields[2] === true;
  const keep = fieldBytes[clientReceives ? 6 : 5];
  const kept = keep === undefined ? null : raw(keep);
  return [
    text(fields[0]) ?? '',
    uint(handle),
    !clientReceives,
    null,
    null,
    clientReceives ? null : kept,
    clientReceives ? kept : null,
    null,
    null,
    clientReceives ? uint(0) : null,
  ];
}

/** The fields of the detach that closes a link for good, with the error that is the reason. */
export function closingDetach(handle: number, error?: ServiceBusError): Encodable[] {
  const fields: Encodable[] = [uint(handle), true];
  if (error !== undefined) fields.push(encodeError(error));
  return fields;
}

function terminusFields(terminus: Value | undefined): readonly Value[] {
  return terminus instanceof Described && Array.isArray(terminus.value) ? terminus.value : [];
}

function addressOf(terminus: Value | undefined): string | undefined {
  return text(terminusFields(terminus)[0]);
}

function filterOf(source: Value | undefined): ReadonlyMap<Value, Value> {
  const filter = terminusFields(source)[7];
  return filter instanceof Map ? filter : new Map();
}

/** A point in time as .NET counts it: in 100 ns since the year 1. */
function dotNetTicks(ms: number): bigint {
  return BigInt(ms) * TICKS_PER_MS + TICKS_AT_1970;
}
