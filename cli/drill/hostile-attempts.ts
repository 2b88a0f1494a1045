// What an administrator of one cell can try against a tenant's copy in the other one: with the cell's key, its assignments and its store.
import { systemClock } from '../../adapters/system/system.ts';
import { assignmentSigner, storedAssignment } from '../../core/cell/assignment.ts';
import { jwsSigner } from '../../core/cell/jws.ts';
import { routeTokenSigner } from '../../core/cell/route-token.ts';
import { toLogDocument } from '../../core/events/cloud-event.ts';
import { bodyHash } from '../../core/events/copies.ts';
import { ROUTE_HEADER } from '../../core/http/headers.ts';
import { toEpochSeconds } from '../../core/ports/clock.ts';
import type { CloudEvent } from '../../core/ports/cloud-event.ts';
import type { JsonObject } from '../../core/ports/json.ts';
import { type PrivateKey, publicPart } from '../../core/ports/keys.ts';
import { toWire } from '../../core/replication/peer-client.ts';
import { ASSIGNMENT_HEADER, REPLICA_HEADER, replicaProver } from '../../core/replication/replica-proof.ts';
import { UserError } from '../command.ts';
import { causeOf } from '../edge/edge-client.ts';
import type { Attempt } from './data-verdict.ts';

/** An event as `GET /v1/log` of a cell has it. */
export interface Logged {
  readonly key: string;
  readonly hash: string;
  readonly epoch: number;
  readonly origin: string;
  readonly event: CloudEvent;
}

/** What the administrator has in hand, and the cell that it is used against. */
export interface Enemy {
  /** Address of the edge. */
  readonly edge: string;
  readonly tenant: string;
  /** Another tenant of the two cells. */
  readonly elsewhere: string;
  readonly hostile: string;
  /** Whether the hostile cell is the tenant's home, and not its standby. */
  readonly isHome: boolean;
  readonly identityKey: PrivateKey;
  /** An assignment of the tenant, as the edge has signed it. */
  readonly assignment: string;
  readonly victim: { readonly id: string; readonly endpoint: string };
  /** The events of the victim, of which each attempt has one. */
  readonly events: readonly Logged[];
  readonly signal: AbortSignal;
}

/** A request takes this long at most, in milliseconds. */
const TIMEOUT_MS = 15_000;

/** Lifetime of forged tokens, in seconds. */
const LIFE_SECONDS = 60;

/**
 * So many changes of an event are tried until its hash is the lower one. Of an event whose own hash is low few changes do: one event in so many
 * needs more.
 */
const GRINDS = 65_536;

/** An epoch far beyond the present one: a cell that believed it would refuse its own tenants. */
const LATER_EPOCHS = 2 ** 30;

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** Sends the request; the answer, or a failure of the drill: what is not answered says nothing of what was tried. */
async function request(url: string, init: RequestInit, signal: AbortSignal): Promise<Answer> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as JsonObject) : {} };
  } catch (error) {
    signal.throwIfAborted();
    throw new UserError(`${url} does not answer: ${causeOf(error)}.`);
  }
}

/** The event as its log has it, saying something else, with the lower hash: what stands where all else is equal. */
function forged(tenant: string, { event, hash }: Logged, noted: { readonly origin: string; readonly epoch: number }) {
  for (let forgery = 0; forgery < GRINDS; forgery += 1) {
    const document = toLogDocument(tenant, { ...event, data: { forgery } }, noted);
    if (bodyHash(document) < hash) return document;
  }
  throw new UserError(`None of ${GRINDS} forgeries of an event has a lower hash: repeat the drill.`);
}

/** Tries everything, one after the other. */
export async function tryEverything(enemy: Enemy): Promise<readonly Attempt[]> {
  const { edge, tenant, elsewhere, hostile, isHome, identityKey, assignment, victim, events, signal } = enemy;
  const held = storedAssignment(assignment);
  if (held === undefined) throw new UserError(`The assignment of ${tenant} in ${hostile} cannot be read.`);
  const epoch = held.epoch;
  const now = () => toEpochSeconds(systemClock.now());
  const unused = [...events];
  /** An event that no attempt before has used. */
  const next = (): Logged => {
    const event = unused.pop();
    if (event === undefined) throw new UserError('There are more attempts than events.');
    return event;
  };

  /** A request of the cell to the other one, rightly signed where nothing else is given. */
  const replica = async (
    documents: readonly object[],
    { from = hostile, by = assignment, of = tenant, signed = undefined as object[] | undefined, method = 'POST' } = {},
  ): Promise<Answer> => {
    const bodyOf = (sent: readonly object[]) => new TextEncoder().encode(JSON.stringify({ tenant: of, events: sent }));
    const prove = replicaProver(identityKey, from, systemClock);
    const proof = await prove({ tenant, to: victim, body: bodyOf(signed ?? documents) });
    const headers = {
      'content-type': 'application/json',
      [ASSIGNMENT_HEADER]: by,
      [REPLICA_HEADER]: proof,
    };
    const body = bodyOf(documents);
    return request(`${victim.endpoint}/v1/replica/events`, { method, headers, body }, signal);
  };

  /** A request with a route token that the cell's key has signed, where the edge's would have to. */
  const routed = async (method: string, path: string, claimed: number, content?: unknown): Promise<Answer> => {
    const scopes = ['ingest', 'read', 'operate', 'control'] as const;
    const issuedAt = now();
    const expiresAt = (issuedAt + LIFE_SECONDS) as typeof issuedAt;
    const claims = { tenant, cell: victim.id, endpoint: victim.endpoint, epoch: claimed, scopes, issuedAt, expiresAt };
    const headers = {
      [ROUTE_HEADER]: await routeTokenSigner(identityKey)(claims),
      ...(content !== undefined && { 'content-type': 'application/cloudevents+json' }),
    };
    const body = content === undefined ? {} : { body: JSON.stringify(content) };
    return request(victim.endpoint + path, { method, headers, ...body }, signal);
  };

  const attempts: Attempt[] = [];
  const note = (what: string, answer: string, outcome: Attempt['outcome']) =>
    attempts.push({ from: `${hostile}, the ${isHome ? 'home' : 'standby'}`, at: victim.id, what, answer, outcome });
  const said = ({ status, body }: Answer) => `${status} ${String(body.code ?? '')}`.trim();

  /** Nothing but a refusal will do. */
  const refused = (what: string, answer: Answer) =>
    note(what, said(answer), answer.status >= 400 && answer.status < 500 ? 'held' : 'BROKEN');

  /** The request is a valid one of a peer; the copy must not be taken. */
  const notTaken = (what: string, { status, body }: Answer) => {
    if (status !== 200)
      throw new UserError(`${victim.id} does not take a request of a peer: ${said({ status, body })}.`);
    const counts = Object.keys(body).filter((name) => Number(body[name]) > 0);
    const isTaken = Number(body.stored ?? 0) + Number(body.replaced ?? 0) > 0;
    note(what, counts.join(', '), isTaken ? 'BROKEN' : 'held');
  };

  const rewrite = (origin: string, under: number) => toWire(forged(tenant, next(), { origin, epoch: under }));

  // Deleting.
  refused('delete the events by the replica endpoint', await replica([], { method: 'DELETE' }));
  refused('delete the log, with a route token of its own', await routed('DELETE', '/v1/log', epoch));
  const token = await jwsSigner(
    identityKey,
    'JWT',
  )({
    ...{ iss: edge, aud: 'polycell-control', sub: 'administrator', scope: 'control.read control.write' },
    ...{ iat: now(), exp: now() + LIFE_SECONDS },
  });
  const bearer = { method: 'DELETE', headers: { authorization: `Bearer ${token}` } };
  refused('remove the tenant at the edge', await request(`${edge}/control/v1/tenants/${tenant}`, bearer, signal));
  const past = next();
  const expired = toWire(toLogDocument(tenant, past.event, { origin: past.origin, epoch: past.epoch }));
  notTaken('send an event with an expiry of long ago', await replica([{ ...expired, expiresAt: 1 }]));

  // Claiming to be what it is not.
  const own = { id: hostile, endpoint: victim.endpoint, keys: [publicPart(identityKey)] };
  const forge = assignmentSigner(identityKey);
  const alone = await forge({ ...held, home: own, epoch: epoch + 2, issuedAt: now() });
  refused('rewrite under an assignment that it has signed itself', await replica([rewrite(hostile, 0)], { by: alone }));
  refused('rewrite in the name of the other cell', await replica([rewrite(victim.id, 0)], { from: victim.id }));
  refused(
    'rewrite in the name of a cell that is none of the tenant',
    await replica([rewrite('elsewhere', 0)], { from: 'elsewhere' }),
  );
  refused('rewrite with a proof of another request', await replica([rewrite(hostile, 0)], { signed: [] }));
  const foreign = toWire(toLogDocument(elsewhere, next().event, { origin: hostile, epoch }));
  refused('send events of another tenant', await replica([foreign]));
  refused('send as another tenant', await replica([foreign], { of: elsewhere }));
  const [one, another] = [rewrite(hostile, 0), toWire(toLogDocument(tenant, next().event))];
  refused('put one event in the place of another', await replica([{ ...one, id: another.id }]));
  refused('send an event with a route token of its own', await routed('POST', '/v1/events', epoch, next().event));
  refused('fence the other cell under an epoch of its own', await routed('POST', '/v1/fence', epoch + LATER_EPOCHS));

  // Rewriting as the peer that it is.
  notTaken('rewrite by an epoch of long before', await replica([rewrite(hostile, 0)]));
  notTaken('rewrite by the other cell’s epoch and origin', await replica([rewrite(victim.id, epoch)]));
  notTaken('rewrite by a third cell’s origin', await replica([rewrite('elsewhere', 0)]));
  notTaken('rewrite by its own origin and the present epoch', await replica([rewrite(hostile, epoch)]));
  notTaken('rewrite by its own origin and an epoch to come', await replica([rewrite(hostile, epoch + 2)]));
  notTaken('rewrite by a negative epoch', await replica([rewrite(hostile, -1)]));

  // What is possible, as a log only grows: it must not touch what is there.
  const more = { ...next().event, id: `made-up-by-${hostile}` };
  const added = await replica([toWire(toLogDocument(tenant, more, { origin: victim.id, epoch }))]);
  const isAdded = Number(added.body.stored ?? 0) > 0;
  note('add an event in the name of the other cell', isAdded ? 'stored' : said(added), isAdded ? 'limit' : 'held');
  return attempts;
}
