// Sends requests to a tenant's other cell: compressed, and signed as this cell.
import type { AssignedCell } from '../cell/assignment.ts';
import { fromStored, type LogDocument } from '../events/cloud-event.ts';
import { cutUtf8, utf8Length } from '../lib/text.ts';
import { type TimedFetchDeps, timedFetch } from '../lib/timed-fetch.ts';
import { PortError } from '../ports/errors.ts';
import { isJsonObject, type JsonObject } from '../ports/json.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { RECEIVE_LIMITS } from './receive.ts';
import { ASSIGNMENT_HEADER, REPLICA_HEADER, type ReplicaRequest } from './replica-proof.ts';

export const PEER_LIMITS = {
  /** Bytes of events in one request; what is around them has some hundred. */
  bytes: RECEIVE_LIMITS.requestBytes - 16 * 1024,
  /** Bytes kept of a refusal’s text. */
  detailBytes: 300,
  /** Characters of the ids of events that a span names; more are left out. */
  eventIdCharacters: 20 * 1024,
} as const;

export interface PeerClientDeps extends TimedFetchDeps {
  /** Signs requests; see `replicaProver`. */
  readonly prove: (request: ReplicaRequest) => Promise<string>;
  readonly telemetry: Telemetry;
}

/** Which cell a request goes to, and by which assignment that cell is to believe this one. */
export interface PeerAddress {
  readonly to: AssignedCell;
  readonly tenant: string;
  /** As the edge has signed it. */
  readonly signed: string;
  /** The context of what asks for it; a trace begins here without it. */
  readonly traceparent?: string;
}

export interface PeerAnswer {
  readonly found: JsonObject;
  /** Bytes of the request's body, compressed. */
  readonly bytes: number;
}

/** The other cell has answered, and not what it was asked for. */
export class PeerRefusal extends PortError {
  readonly status: number;
  /** The code of the problem; `undefined` if the answer is not in the API's form, as of what stands before a cell. */
  readonly said: string | undefined;

  constructor(status: number, said: string | undefined, message: string) {
    super('unavailable', message);
    this.status = status;
    this.said = said;
  }
}

/** Asks the other cell for something; `carried` is what is sent of the log. Rejects with `unavailable` without an answer within the time, and for a refusal. */
export type PeerClient = (
  address: PeerAddress,
  path: 'events' | 'digests' | 'receipts',
  content: object,
  timeoutMs: number,
  carried?: readonly LogDocument[],
) => Promise<PeerAnswer>;

/** JSON, but not by this name: API Gateway takes bodies of `application/json` for text, and would spoil compressed ones. */
const MEDIA_TYPE = 'application/vnd.polycell.replica+json';

const encoder = new TextEncoder();

/** Returns the function. */
export function peerClient(deps: PeerClientDeps): PeerClient {
  return async ({ to, tenant, signed, traceparent }, path, content, timeoutMs, carried = []) => {
    const span = deps.telemetry.start(`POST /v1/replica/${path}`, 'client', traceparent, linksOf(carried));
    span.set({ 'polycell.peer': to.id, 'polycell.tenant': tenant, 'messaging.batch.message_count': carried.length });
    // A span links to 64 requests at most: the others' events are found by their ids.
    if (span.sampled && carried.length > 0) span.set({ 'polycell.event.ids': idsOf(carried) });
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
    const answer = await timedFetch(deps, `${to.endpoint}/v1/replica/${path}`, init, timeoutMs);
    span.end(
      { 'http.request.method': 'POST', 'http.response.status_code': answer.status ?? undefined },
      { failure: answer.status === 200 ? undefined : String(answer.status ?? answer.problem) },
    );
    if (answer.status === null) throw new PortError('unavailable', `${to.id}: ${answer.problem}`);
    const found = isJsonObject(answer.body as never) ? (answer.body as JsonObject) : {};
    if (answer.status !== 200)
      throw new PeerRefusal(
        answer.status,
        typeof found.code === 'string' ? found.code : undefined,
        `${to.id} answers ${answer.status} ${String(found.code ?? '')}: ${cutUtf8(String(found.detail ?? ''), PEER_LIMITS.detailBytes)}`,
      );
    return { found, bytes: compressed.length };
  };
}

/** The contexts in which documents were accepted, as far as a cell has noted them. */
const linksOf = (documents: readonly LogDocument[]): readonly string[] =>
  documents.flatMap(({ beside }) => (beside?.traceparent === undefined ? [] : String(beside.traceparent)));

/** The ids of their events, as far as a span takes them. */
function idsOf(documents: readonly LogDocument[]): readonly string[] {
  const ids: string[] = [];
  let left: number = PEER_LIMITS.eventIdCharacters;
  for (const document of documents) {
    const { id } = fromStored(document).event;
    left -= id.length;
    if (left < 0) break;
    ids.push(id);
  }
  return ids;
}

/** A document as it is sent: its version is the sender's own. */
export const toWire = ({ partition, id, body, beside }: LogDocument) => ({
  partition,
  id,
  body,
  ...(beside !== undefined && { beside }),
});

/** Bytes that a document takes in a request. */
export const sizeOnWire = (document: LogDocument): number => utf8Length(JSON.stringify(toWire(document))) + 1;

/** Documents in parts of at most one request. */
export function inParts(documents: readonly LogDocument[]): LogDocument[][] {
  const parts: LogDocument[][] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = sizeOnWire(document);
    const part = parts.at(-1);
    if (part === undefined || part.length === RECEIVE_LIMITS.events || bytes + size > PEER_LIMITS.bytes) {
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
