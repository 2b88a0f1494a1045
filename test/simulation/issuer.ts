// Credentials of a simulated edge: each router loads the issuer's keys before it believes anyone, over a way that may fail.
import { JWKS_LIMITS } from '../../adapters/cloudflare/jwks.ts';
import { RefreshingValue } from '../../adapters/cloudflare/refreshing-value.ts';
import type { Credentials } from '../../core/edge/ports/credentials.ts';
import { PortError } from '../../core/ports/errors.ts';
import { sayso } from '../support/edge.ts';
import type { ComponentClock } from './scheduler.ts';
import type { Mutant, Way } from './setting.ts';

/** What earlier versions did: a failed load was remembered for as long as a good one may be young. */
function stubborn(load: () => Promise<true>, clock: ComponentClock): () => Promise<true> {
  let failure: { readonly error: unknown; readonly at: number } | undefined;
  return async () => {
    if (failure !== undefined && clock.now() - failure.at < JWKS_LIMITS.pauseMs) throw failure.error;
    try {
      return await load();
    } catch (error) {
      failure = { error, at: clock.now() };
      throw error;
    }
  };
}

/** Tenants' credentials at a router. `way` says how the way to the issuer is now. */
export function issuedCredentials(
  clock: ComponentClock,
  way: () => Way | undefined,
  mutant: Mutant | undefined,
): Credentials {
  const load = async (): Promise<true> => {
    if (way()?.how === 'silent') return new Promise(() => undefined);
    if (way() !== undefined) throw new PortError('unavailable', 'The issuer refuses.');
    return true;
  };
  const keys = new RefreshingValue({
    load: mutant === 'sticky-keys' ? stubborn(load, clock) : load,
    clock,
    what: 'The issuer’s key set',
    ...JWKS_LIMITS,
  });
  const said = sayso('tenant');
  return {
    authenticate: (request) => {
      const known = keys.get();
      return known === true ? said.authenticate(request) : known.then(() => said.authenticate(request));
    },
  };
}
