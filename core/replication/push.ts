// Pushes a tenant's log to the other one of its cells, or only compares them, in bounded steps: for seeding, repair and verification.
import { type AssignedCell, type Assignment, cellIn } from '../cell/assignment.ts';
import { statePartition } from '../cell/identity.ts';
import type { LogDocument } from '../events/cloud-event.ts';
import { cutUtf8, utf8Length } from '../lib/text.ts';
import { type TimedFetchDeps, timedFetch } from '../lib/timed-fetch.ts';
import { type Counts, type LogWalkDeps, logWalk, WALK_LIMITS } from '../pipeline/log-walk.ts';
import { PortError } from '../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { type Difference, digestOf, type Entry, entryOf, type Range } from './digests.ts';
import { isOwnEvent, RECEIVE_LIMITS, type Received } from './receive.ts';
import { ASSIGNMENT_HEADER, REPLICA_HEADER, type ReplicaRequest } from './replica-proof.ts';

export const PUSH_LIMITS = {
  /** Bytes of events in one request; what is around them has some hundred. */
  bytes: RECEIVE_LIMITS.requestBytes - 16 * 1024,
} as const;

export interface PushCommand {
  readonly tenant: string;
  /** The newest assignment, as it was signed and as it was read. */
  readonly signed: string;
  readonly assignment: Assignment;
  readonly restart: boolean;
  /** Only compares, and sends no events. */
  readonly verify: boolean;
  /** The context of the request that asked for it. */
  readonly traceparent: string;
}

export interface PushProgress extends Received, Difference {
  readonly subjects: number;
  /** Documents of the log that are no events, and were left out. */
  readonly skipped: number;
  /** Bytes of the requests' bodies, compressed. */
  readonly bytes: number;
  readonly done: boolean;
  readonly waiting?: string;
}

export interface PushDeps extends LogWalkDeps, TimedFetchDeps {
  /** The id of this cell. */
  readonly cell: string;
  /** Signs requests; see `replicaProver`. */
  readonly prove: (request: ReplicaRequest) => Promise<string>;
  readonly telemetry: Telemetry;
}

const COUNTS = [
  ...['stored', 'same', 'kept', 'replaced', 'unproven', 'skipped', 'bytes'],
  ...['missing', 'different', 'extra'],
] as const;

type CountName = keyof Received | keyof Difference | 'skipped' | 'bytes';

/** JSON, but not by this name: API Gateway takes bodies of `application/json` for text, and would spoil compressed ones. */
const MEDIA_TYPE = 'application/vnd.polycell.replica+json';

/** Bytes kept of a refusal’s text. */
const DETAIL_BYTES = 300;

const encoder = new TextEncoder();

/** Returns the use case, which makes one step of a walk; see `logWalk`. Rejects with `misconfigured` if this cell is none of the tenant's. */
export function push(deps: PushDeps): (command: PushCommand) => Promise<PushProgress> {
  const walk = logWalk(deps);

  const ask = async (
    to: AssignedCell,
    { tenant, signed, traceparent }: PushCommand,
    path: string,
    content: object,
    links: readonly string[] = [],
  ) => {
    const span = deps.telemetry.start(`POST /v1/replica/${path}`, 'client', traceparent, links);
    span.set({ 'polycell.peer': to.id, 'polycell.tenant': tenant, 'messaging.batch.message_count': links.length });
    const body = encoder.encode(JSON.stringify({ tenant, ...content }));
    const compressed = await gzip(body);
    const headers = {
      'content-type': MEDIA_TYPE,
      'content-encoding': 'gzip',
      [ASSIGNMENT_HEADER]: signed,
      traceparent: span.traceparent,
      [REPLICA_HEADER]: await deps.prove({ tenant, to, body }),
    };
    const init = { method: 'POST', headers, body: compressed } as const;
    const answer = await timedFetch(deps, `${to.endpoint}/v1/replica/${path}`, init, WALK_LIMITS.pageMs);
    span.end(
      { 'http.request.method': 'POST', 'http.response.status_code': answer.status ?? undefined },
      { failure: answer.status === 200 ? undefined : String(answer.status ?? answer.problem) },
    );
    if (answer.status === null) throw new PortError('unavailable', `${to.id}: ${answer.problem}`);
    const found = isJsonObject(answer.body as never) ? (answer.body as JsonObject) : {};
    if (answer.status !== 200)
      throw new PortError(
        'unavailable',
        `${to.id} answers ${answer.status} ${String(found.code ?? '')}: ${cutUtf8(String(found.detail ?? ''), DETAIL_BYTES)}`,
      );
    return { found, bytes: compressed.length };
  };

  const send = async (to: AssignedCell, command: PushCommand, documents: readonly LogDocument[]) => {
    const links = documents.flatMap(({ beside }) =>
      beside?.traceparent === undefined ? [] : String(beside.traceparent),
    );
    const { found, bytes } = await ask(to, command, 'events', { events: documents.map(toWire) }, links);
    return add(Object.fromEntries(COUNTS.map((name) => [name, Number(found[name] ?? 0)])), { bytes });
  };

  /** How the other cell's events of a range differ; first by a digest, which is all where they are equal. */
  const compare = async (to: AssignedCell, command: PushCommand, range: Range, entries: readonly Entry[]) => {
    const digest = await ask(to, command, 'digests', { ranges: [{ ...range, ...digestOf(entries) }] });
    const [equal] = Array.isArray(digest.found.equal) ? digest.found.equal : [];
    if (equal === true) return { isEqual: true, counts: { same: entries.length, bytes: digest.bytes } };
    if (!command.verify) return { isEqual: false, counts: { bytes: digest.bytes } };
    const listed = await ask(to, command, 'digests', { ranges: [], list: { ...range, entries } });
    const { missing, different, extra } = isJsonObject(listed.found.difference) ? listed.found.difference : {};
    const found = { missing: Number(missing ?? 0), different: Number(different ?? 0), extra: Number(extra ?? 0) };
    const same = entries.length - found.missing - found.different;
    return { isEqual: false, counts: { same, ...found, bytes: digest.bytes + listed.bytes } };
  };

  return async (command) => {
    const { tenant, assignment, restart, verify } = command;
    const { home, standby } = assignment;
    if (cellIn(assignment, deps.cell) === undefined)
      throw new PortError('misconfigured', `${deps.cell} is no cell of ${tenant}.`);
    const to = home.id === deps.cell ? standby : home;
    const { subjects, counts, done, waiting } = await walk({
      key: { partition: statePartition.pushes(tenant), id: verify ? `verify!${to.id}` : to.id },
      tenant,
      from: '',
      restart,
      page: async (documents, _attempt, range) => {
        const own = documents.filter((document) => isOwnEvent(tenant, document));
        const { isEqual, counts: compared } = await compare(to, command, range, own.map(entryOf));
        let total = add({ skipped: documents.length - own.length }, compared);
        if (!isEqual && !verify) for (const part of inParts(own)) total = add(total, await send(to, command, part));
        return total;
      },
    });
    const all = Object.fromEntries(COUNTS.map((name) => [name, counts[name] ?? 0])) as Record<CountName, number>;
    return { subjects, ...all, done, ...(waiting !== undefined && { waiting }) };
  };
}

const add = (some: Counts, more: Counts): Counts =>
  Object.fromEntries(COUNTS.map((name) => [name, (some[name] ?? 0) + (more[name] ?? 0)]));

/** A document as it is sent: its version is the sender's own. */
const toWire = ({ partition, id, body, beside }: LogDocument) => ({
  partition,
  id,
  body,
  ...(beside !== undefined && { beside }),
});

function inParts(documents: readonly LogDocument[]): LogDocument[][] {
  const parts: LogDocument[][] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = utf8Length(JSON.stringify(toWire(document))) + 1;
    const part = parts.at(-1);
    if (part === undefined || bytes + size > PUSH_LIMITS.bytes) {
      parts.push([document]);
      bytes = size;
    } else {
      part.push(document);
      bytes += size;
    }
  }
  return parts;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
