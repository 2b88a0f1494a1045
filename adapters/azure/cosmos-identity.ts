// Authorises a Cosmos DB client's requests by the app's identity in place of the account's key.
import type { Clock } from '../../core/ports/clock.ts';
import type { CosmosOptions, Plugin } from './cosmos-client.ts';
import type { ManagedIdentity } from './managed-identity.ts';

/**
 * The options with a token in each request. The SDK's own `aadCredentials` would bring a second pipeline of 6 KiB with retries of its own,
 * refuse an emulator's plain HTTP, and turn a token that cannot be had into an error without a code wherever a batch is written; here it is
 * a port error like any other.
 */
export function withIdentity<T extends CosmosOptions>(options: T, identity: ManagedIdentity, clock: Clock): T {
  const authorize: Plugin = {
    on: 'request',
    plugin: async (context, _, next) => {
      const { token } = await identity.getToken();
      // https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources
      const authorization = encodeURIComponent(`type=aad&ver=1.0&sig=${token}`);
      const date = new Date(clock.now()).toUTCString();
      Object.assign(context.headers, { authorization, 'x-ms-date': date });
      return next(context);
    },
  };
  return { ...options, plugins: [...options.plugins, authorize] };
}
