// Serves the reads of the domains as routes: parameters, paging and missing items are handled alike for all.

import type { Read, ReadStores, View } from '../api/read.ts';
import { Refusal } from '../api/refusal.ts';
import type { Route } from '../api/route.ts';
import type { Application } from '../domain/application.ts';
import { isSubject } from '../events/subject.ts';
import { isPortError } from '../ports/errors.ts';
import type { StoreCursor } from '../ports/store.ts';
import { type Call, json, type RouteHandler } from './call.ts';
import { openCursor, sealCursor } from './cursor.ts';
import { readParameters } from './parameters.ts';

/**
 * Answers with a page. Its cursor is bound to the route, the tenant, the subject and all parameters except `limit`; any other use is
 * refused with `invalid_cursor`.
 */
export async function pageResponse<V extends { limit: number; cursor?: string | undefined }>(
  call: Call,
  route: string,
  values: V,
  load: (page: { limit: number; cursor: StoreCursor | undefined }) => Promise<View<unknown>>,
): Promise<Response> {
  const { limit, cursor, ...rest } = values;
  const query = [call.tenant, route, call.id, rest];
  const { items, next } = await load({ limit, cursor: openCursor(query, cursor) }).catch((error: unknown) => {
    // The store refuses a forged position inside a cursor.
    if (cursor !== undefined && isPortError(error, 'invalid')) throw new Refusal('invalid_cursor', error.message);
    throw error;
  });
  return json(200, { items, next: next === undefined ? null : sealCursor(query, next) });
}

/** The routes of all reads, by name. */
export const readRoutes = (application: Application): Readonly<Record<string, Route & Read>> =>
  Object.fromEntries(
    application.flatMap(({ reads }) =>
      reads.map((read) => [read.name, { ...read, method: 'GET', scope: 'read' } as const] as const),
    ),
  );

/** The stores that a call of a domain's route uses. */
export type StoresOf = (call: Call) => ReadStores;

/** Returns the handler of a read. */
export function readHandler(read: Read, storesOf: StoresOf): RouteHandler {
  const notFound = ({ id }: Call) =>
    read.missing === undefined
      ? new Refusal<string>('not_found', 'Not found.')
      : new Refusal<string>(read.missing.code, read.missing.detail(id));
  return async (call) => {
    const parameters = readParameters(read.parameters, call.query);
    const { tenant, id } = call;
    // The store does not accept an id that is not a valid subject.
    if (read.path.includes('{') && !isSubject(id)) throw notFound(call);
    const request = { tenant, id, parameters };
    const stores = storesOf(call);
    if (read.items === undefined) {
      const found = await read.handle(request, stores, { limit: 1 });
      if (found === undefined) throw notFound(call);
      return json(200, found);
    }
    const values = parameters as { limit: number; cursor?: string };
    return pageResponse(call, read.name, values, async (page) => {
      const view = (await read.handle(request, stores, page)) as View<unknown> | undefined;
      if (view === undefined) throw notFound(call);
      return view;
    });
  };
}
