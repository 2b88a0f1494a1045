// The routes of every cell, and the matcher that finds the route of a request.
import { choice, matching, paging, text, time } from '../api/parameters.ts';
import type { Route } from '../api/route.ts';
import { NAME_PATTERN } from '../cell/identity.ts';
import { NONCE_PATTERN } from '../cell/identity-proof.ts';
import { MEASURES_PARAMETER } from '../cell/measures.ts';
import { POSITION_PATTERN } from '../replication/log-order.ts';

/** What the reads of a log take. */
const logPart = {
  from: time('Events whose time is this or later.'),
  to: time('Events whose time is before this.'),
  after: matching('A position: only what is behind it.', POSITION_PATTERN),
  through: matching('A position: only what is not behind it.', POSITION_PATTERN),
};

/** The routes of every cell, whatever its domains. */
export const routes = {
  ingest: {
    method: 'POST',
    path: '/v1/events',
    scope: 'ingest',
    summary: 'Store one event or a batch of them.',
    parameters: {},
  },
  health: {
    method: 'GET',
    path: '/v1/health',
    scope: null,
    summary:
      'Check the health of the cell. With deep=1 it also writes and reads its store, which needs the scope operate.',
    parameters: {
      deep: choice('1: write and read the store.', ['0', '1'], '0'),
      nonce: matching('For the edge: sign this nonce as a proof of the cell’s identity.', NONCE_PATTERN),
      peer: text('For the edge’s monitor: also probe the cell with this id and origin.'),
      [MEASURES_PARAMETER]: choice('1: for the edge’s monitor: also say what is parked.', ['0', '1'], '0'),
    },
  },
  parked: {
    method: 'GET',
    path: '/v1/parked',
    scope: 'operate',
    summary:
      'List the events of the tenant that a consumer could not process. What they say is left out without the scope read.',
    parameters: { consumer: text('The consumer; all consumers by default.'), ...paging },
  },
  redrive: {
    method: 'POST',
    path: '/v1/parked/redrive',
    scope: 'operate',
    summary: 'Send parked events to their consumer again.',
    parameters: {},
  },
  drop: {
    method: 'DELETE',
    path: '/v1/parked/{id}',
    scope: 'operate',
    summary: 'Remove a parked event permanently.',
    parameters: {},
  },
  rebuild: {
    method: 'POST',
    path: '/v1/rebuild',
    scope: 'operate',
    summary:
      'Derive the state that a consumer keeps of the tenant from the log again: one bounded step, to be repeated until it is done.',
    parameters: {},
  },
  conflicts: {
    method: 'GET',
    path: '/v1/conflicts',
    scope: 'operate',
    summary: 'List the copies of events of the tenant that lost against others of the same identity.',
    parameters: paging,
  },
  log: {
    method: 'GET',
    path: '/v1/log',
    scope: 'read',
    summary:
      'The events of the tenant as the log has them, subject by subject, for an export. The order and its positions are the same in every cell.',
    parameters: {
      ...logPart,
      limit: paging.limit,
      jurisdiction: matching('Where the copy will lie; required where the tenant has a residency.', NAME_PATTERN),
    },
  },
  logDigest: {
    method: 'GET',
    path: '/v1/log/digest',
    scope: 'read',
    summary:
      'Count and digest of events of the log, to compare a copy with: one bounded step, to be repeated behind next, and added up.',
    parameters: logPart,
  },
  replicaEvents: {
    method: 'POST',
    path: '/v1/replica/events',
    scope: null,
    summary:
      'For another cell of the tenant: merge events into the log. Needs an assignment signed by the edge and a proof signed by the sender.',
    parameters: {},
  },
  replicaDigests: {
    method: 'POST',
    path: '/v1/replica/digests',
    scope: null,
    summary:
      'For another cell of the tenant: compare ranges of the log by digests, and one by its entries. Needs what replica events need.',
    parameters: {},
  },
  replicaReceipts: {
    method: 'POST',
    path: '/v1/replica/receipts',
    scope: null,
    summary:
      'For another cell of the tenant: say which events a consumer of home-only effects has applied, or note which ones it has. Needs what replica events need.',
    parameters: {},
  },
  replicaPush: {
    method: 'POST',
    path: '/v1/replica/push',
    scope: 'control',
    summary:
      'For the edge: push the log of the tenant to its other cell, as the assignment says: one bounded step, to be repeated until it is done.',
    parameters: {},
  },
  replicaHear: {
    method: 'POST',
    path: '/v1/replica/hear',
    scope: 'control',
    ofCell: true,
    summary:
      'For the edge: ask the other cells what has become of copies whose effects may have to happen here: one bounded step, to be repeated behind the cursor that it answers.',
    parameters: { cursor: paging.cursor },
  },
  replicaDerive: {
    method: 'POST',
    path: '/v1/replica/derive',
    scope: 'control',
    summary:
      'For the edge: derive what the cell has left underived as the log-only standby of the tenant: one bounded step, to be repeated until it is done.',
    parameters: {},
  },
  replicas: {
    method: 'GET',
    path: '/v1/replicas',
    scope: 'control',
    ofCell: true,
    summary:
      'For the edge: list what is noted of the other cells of the tenants, such as since when events are left unsent.',
    parameters: paging,
  },
  fence: {
    method: 'POST',
    path: '/v1/fence',
    scope: 'control',
    summary:
      "Adopt the tenant's epoch from the route token, and the assignment in the body if there is one. The edge calls this after an assignment has changed.",
    parameters: {},
  },
  holdings: {
    method: 'GET',
    path: '/v1/holdings',
    scope: 'control',
    ofCell: true,
    summary:
      'List the tenants whose events the cell holds. The edge asks this before a tenant leaves the cell, or the cell is retired.',
    parameters: { tenant: matching('Only this tenant.', NAME_PATTERN), ...paging },
  },
  index: {
    method: 'POST',
    path: '/v1/holdings/index',
    scope: 'control',
    ofCell: true,
    summary:
      'Index some of the events that a release without an index of subjects has stored; to be repeated until it is done.',
    parameters: {},
  },
  erase: {
    method: 'POST',
    path: '/v1/erasures',
    scope: 'erase',
    ofCell: true,
    summary:
      'For the edge: refuse the events of the tenant, or of one of its subjects, up to a time from now on; remove them and what was made of them, in bounded steps.',
    parameters: {},
  },
  openapi: { method: 'GET', path: '/openapi.json', scope: null, summary: 'This document.', parameters: {} },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;

export interface RouteMatch<Name extends string> {
  readonly name: Name;
  /** The segment that `{…}` stands for, or an empty text. */
  readonly id: string;
}

/**
 * Returns a function that finds the route of a plain path, or the methods of the path (none for an unknown path). HEAD is accepted
 * wherever GET is (RFC 9110, 9.3.2): the answer is that of GET, and the server in front omits the body. It needs the body to compute
 * the length, which must be that of GET.
 */
export function routeMatcher<Name extends string>(
  table: Readonly<Record<Name, Pick<Route, 'method' | 'path'>>>,
): (method: string, path: string) => RouteMatch<Name> | { readonly allowed: readonly string[] } {
  const patterns = (Object.entries(table) as [Name, Pick<Route, 'method' | 'path'>][]).map(([name, route]) => ({
    name,
    method: route.method,
    pattern: new RegExp(`^${route.path.replaceAll('.', '\\.').replace(/\{\w+\}/, '([^/]+)')}$`),
  }));
  return (method, path) => {
    const found = patterns.flatMap((route) => {
      const match = route.pattern.exec(path);
      return match === null ? [] : [{ ...route, segment: match[1] }];
    });
    const wanted = method === 'HEAD' ? 'GET' : method;
    const exact = found.find((route) => route.method === wanted);
    if (exact === undefined)
      return { allowed: found.flatMap((route) => (route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])) };
    return { name: exact.name, id: exact.segment ?? '' };
  };
}

/**
 * The path in a form that both clouds can provide. API Gateway passes it decoded and cut at any decoded `?`, which loses the encoding;
 * the Functions host passes it as received. The less informative form is used for both.
 */
export function plainPath(pathname: string): string {
  const [path = ''] = (decodePath(pathname) ?? pathname).split('?', 1);
  const encoded = path.split(/[\\/]/).map(encodeURIComponent).join('/');
  // Encoded dots and slashes have become segments such as `..` at this point.
  return decodePath(new URL(`http://cell${encoded}`).pathname) ?? '';
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
