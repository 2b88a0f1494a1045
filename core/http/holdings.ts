// What a cell holds: the tenants whose events are in its log, for the edge.

import { foreignCursor } from '../api/refusal.ts';
import type { SubjectIndex } from '../pipeline/subject-index.ts';
import { isPortError } from '../ports/errors.ts';
import type { StoreCursor } from '../ports/store.ts';
import { json, type RouteHandler } from './call.ts';
import { readParameters } from './parameters.ts';
import { routes } from './routes.ts';

/** Returns the handlers. */
export function holdings(subjects: SubjectIndex): Record<'holdings' | 'index', RouteHandler> {
  const tenantsOf = async (tenant: string | undefined, limit: number, cursor: string | undefined) => {
    if (tenant === undefined)
      return subjects.tenants({ limit, ...(cursor !== undefined && { cursor: cursor as StoreCursor }) });
    const { items, next } = await subjects.subjects(tenant, { limit: 1 });
    return { items: items.length > 0 || next !== undefined ? [tenant] : [] };
  };

  return {
    holdings: async ({ query }) => {
      const { tenant, limit, cursor } = readParameters(routes.holdings.parameters, query);
      try {
        const { items, next = null } = await tenantsOf(tenant, limit, cursor);
        const { done: complete } = await subjects.progress();
        return json(200, { items: items.map((each) => ({ tenant: each })), next, complete });
      } catch (error) {
        if (cursor !== undefined && isPortError(error, 'invalid')) throw foreignCursor();
        throw error;
      }
    },

    index: async ({ query }) => {
      readParameters(routes.index.parameters, query);
      return json(200, await subjects.complete());
    },
  };
}
