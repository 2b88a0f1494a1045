// The opening of links as frames: what a client asks for, and the answers that grant or refuse it.
import type { AttachRequest } from './connection.ts';
import { describeSource } from './describe-source.ts';
import { type Encodable, long, map, raw, symbol, uint, ulong } from './encode.ts';
import type { Frame } from './frames.ts';
import type { Session } from './session.ts';
import { Described, entry, numberOr, text, type Value } from './values.ts';

const COORDINATOR = 0x30;
const SETTLED = 1;
/** Positions in the attach performative. */
const FIELD = {
  name: 0,
  handle: 1,
  role: 2,
  sendMode: 3,
  receiveMode: 4,
  source: 5,
  target: 6,
  properties: 13,
} as const;

/** Takes an attach apart. */
export function readAttach({ fields }: Frame, session: Session, signal: AbortSignal): AttachRequest {
  const clientReceives = fields[FIELD.role] === true;
  const source = fields[FIELD.source];
  const target = fields[FIELD.target];
  return {
    connection: session.connection,
    session,
    name: text(fields[FIELD.name]) ?? '',
    clientReceives,
    transactional: target instanceof Described && target.descriptor === COORDINATOR,
    address: addressOf(clientReceives ? source : target) ?? '',
    replyAddress: clientReceives ? addressOf(target) : undefined,
    filter: filterOf(source),
    settled: numberOr(fields[FIELD.sendMode], 2) === SETTLED,
    timeoutMs: numberOr(entry(fields[FIELD.properties], 'com.microsoft:timeout'), undefined),
    signal,
  };
}

/** The answer to a receiver, with the session that was granted, if any. */
export function receiverGranted(
  frame: Frame,
  session: { readonly id: string; readonly lockedUntil: number } | undefined,
): Encodable[] {
  const properties =
    session === undefined
      ? null
      : map([[symbol('com.microsoft:locked-until-utc'), long(dotNetTicks(session.lockedUntil))]]);
  const source =
    session === undefined ? echo(frame, FIELD.source) : describeSource(frame.fieldBytes[FIELD.source], session.id);
  const sizes: Encodable[] = [null, null, uint(0), ulong(Number.MAX_SAFE_INTEGER), null, null];
  return [...head(frame), source, echo(frame, FIELD.target), ...sizes, properties];
}

/** The answer to a sender. The SDK takes the size as the limit of its batches. */
export function senderGranted(frame: Frame, maxMessageSize: number): Encodable[] {
  const termini = [echo(frame, FIELD.source), echo(frame, FIELD.target)];
  return [...head(frame), ...termini, null, null, null, ulong(maxMessageSize)];
}

/** The answer that comes before the detach which carries the refusal: the end that the client asked for is missing. */
export function refused(frame: Frame): Encodable[] {
  const clientReceives = frame.fields[FIELD.role] === true;
  const termini = clientReceives ? [null, echo(frame, FIELD.target)] : [echo(frame, FIELD.source), null];
  const [name, handle, role] = head(frame);
  return [name, handle, role, null, null, ...termini, null, null, clientReceives ? uint(0) : null];
}

function head(frame: Frame): Encodable[] {
  const { fields } = frame;
  return [
    text(fields[FIELD.name]) ?? '',
    uint(numberOr(fields[FIELD.handle], 0)),
    fields[FIELD.role] !== true,
    echo(frame, FIELD.sendMode),
    echo(frame, FIELD.receiveMode),
  ];
}

function echo({ fieldBytes }: Frame, index: number): Encodable {
  const bytes = fieldBytes[index];
  return bytes === undefined ? null : raw(bytes);
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

const TICKS_PER_MS = 10_000n;
const TICKS_AT_1970 = 621_355_968_000_000_000n;

/** A point in time as .NET counts it: in 100 ns since the year 1. */
function dotNetTicks(ms: number): bigint {
  return BigInt(ms) * TICKS_PER_MS + TICKS_AT_1970;
}
