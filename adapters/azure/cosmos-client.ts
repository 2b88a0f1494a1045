// How the Cosmos DB client is to be made: with no retries but the adapters', and with failures that can be told apart.
import type { CosmosClientOptions, OperationResponse } from '@azure/cosmos';
import { PortError } from '../../core/ports/errors.ts';
import { COSMOS_GONE, toPortError } from './errors.ts';

/** What the parts of a request are called inside @azure/cosmos 4.9.3, which has plugins but leaves them out of its types. */
interface RequestContext {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

type Next = (context: RequestContext) => Promise<unknown>;

/** What @azure/cosmos calls around its work. */
export interface Plugin {
  /** `operation` surrounds the SDK's own tries, `request` each of them. */
  readonly on: 'operation' | 'request';
  plugin(context: RequestContext, diagnostics: unknown, next: Next): Promise<unknown>;
}

/** An operation's part of an answer; `failure` says why there was no answer to the request as a whole. */
export type OperationAnswer = OperationResponse & { readonly failure?: PortError };

/**
 * The SDK repeats reads on its own when a connection breaks, ten times and a second apart, whatever its options say
 * (retry/defaultRetryPolicy.js). It knows those errors by their codes, and port errors have others.
 */
const failOnce: Plugin = {
  on: 'request',
  plugin: async (context, _, next) => {
    try {
      return await next(context);
    } catch (error) {
      if (typeof (error as { code?: unknown }).code === 'number') throw error;
      // An answer that is no JSON comes from something in between, which may have passed the request on.
      if (error instanceof SyntaxError || error instanceof TypeError)
        throw new PortError('unknown-outcome', 'The answer could not be read.', { cause: error });
      throw toPortError(error);
    }
  },
};

/**
 * `items.batch` and `items.bulk` turn every failed request into an `Error` without code or status, and a bulk call forgets what
 * its other requests did (Items.js). So a request that failed is answered here for each of its operations instead.
 */
const answerForEach: Plugin = {
  on: 'operation',
  plugin: async (context, _, next) => {
    const { body, headers } = context;
    try {
      return await next(context);
    } catch (error) {
      const isBulk = headers['x-ms-cosmos-is-batch-request'] === true && Array.isArray(body);
      // The SDK must see that a range has split: it groups the operations again.
      if (!isBulk || (error as { code?: unknown }).code === COSMOS_GONE) throw error;
      const failure = toPortError(error);
      const answer: OperationAnswer = { statusCode: 0, requestCharge: 0, failure };
      return { code: 207, headers: {}, result: body.map(() => answer) };
    }
  },
};

/** What `cosmosClientOptions` makes. */
export type CosmosOptions = Pick<CosmosClientOptions, 'connectionPolicy'> & { readonly plugins: readonly Plugin[] };

/**
 * Options for a client of the adapters, beside its endpoint and credentials. A cell's account has one region, so endpoints are
 * not discovered: that costs a request at each cold start, and brings retries that cannot be turned off.
 */
export function cosmosClientOptions({ requestTimeoutMs }: { readonly requestTimeoutMs: number }): CosmosOptions {
  const retryOptions = { maxRetryAttemptCount: 0, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 0 };
  return {
    connectionPolicy: { enableEndpointDiscovery: false, requestTimeout: requestTimeoutMs, retryOptions },
    plugins: [failOnce, answerForEach],
  };
}
