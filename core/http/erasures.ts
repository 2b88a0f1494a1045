// Erasures: the edge has a cell refuse and remove events of a tenant.
import { Refusal } from '../api/refusal.ts';
import type { Static } from '../api/schema.ts';
import { schemaFault } from '../events/registry.ts';
import { parseTime } from '../events/time.ts';
import type { EraseCommand, EraseProgress } from '../pipeline/erase.ts';
import type { Erasure } from './bodies.ts';
import { parseJson, readBody } from './body.ts';
import { json, type RouteHandler } from './call.ts';
import { readParameters } from './parameters.ts';
import { routes } from './routes.ts';
import { validators } from './validators.generated.ts';

/** Bytes of a body, which has an id, a subject and a time. */
const BODY_BYTES = 4096;

/** Returns the handler. */
export function erasures(erase: (command: EraseCommand) => Promise<EraseProgress>): Record<'erase', RouteHandler> {
  return {
    erase: async ({ request, query, tenant }) => {
      readParameters(routes.erase.parameters, query);
      const body = parseJson(await readBody(request, BODY_BYTES));
      const fault = schemaFault(validators.Erasure, body, 'body');
      const { erasure, subject, until, phase, pass } = (fault === undefined ? body : {}) as Static<typeof Erasure>;
      const instant = fault === undefined ? parseTime(until) : undefined;
      if (instant === undefined)
        throw new Refusal(
          'invalid_body',
          `Send {"erasure", "subject", "until", "phase", "pass"}: ${fault === undefined ? 'until is no time' : `the ${fault.detail}`}.`,
        );
      return json(200, await erase({ tenant, erasure, subject, until: instant.sortKey, phase, pass }));
    },
  };
}
