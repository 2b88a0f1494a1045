// Options of the Cosmos DB client: no retries except those of the adapters, and distinguishable failures.
import type { CosmosClientOptions, OperationResponse } from '@azure/cosmos';
import { PortError } from '../../core/ports/errors.ts';
import { COSMOS_GONE, toPortError } from './errors.ts';

/** The internal request context of @azure/cosmos 4.9.3, whose types omit its plugins. */
interface RequestContext {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

type Next = (context: RequestContext) => Promise<unknown>;

/** A plugin of @azure/cosmos, called around its work. */
export interface Plugin {
  /** `operation` wraps all of the SDK's own attempts, `request` each of them. */
  readonly on: 'operation' | 'request';
  plugin(context: RequestContext, diagnostics: unknown, next: Next): Promise<unknown>;
}

/** The result of one operation; `failure` is the reason if the request as a whole had no answer. */
export type OperationAnswer = OperationResponse & { readonly failure?: PortError };

/** The change feed makes an error of its own of a failed request, which has nothing of it but text, code and headers: so the headers have it. */
const carried = (failure: PortError): PortError => Object.assign(failure, { headers: { failure } });

/** The port error of the request behind an SDK's error, or the SDK's error if there was none. */
export const failureBehind = (error: unknown): unknown =>
  (error as { headers?: { failure?: unknown } } | undefined)?.headers?.failure ?? error;

/**
 * The SDK retries reads itself when a connection breaks, ten times at intervals of a second, regardless of its options
 * (retry/defaultRetryPolicy.js). It recognizes those errors by their codes, and port errors have others.
 */
const failOnce: Plugin = {
  on: 'request',
  plugin: async (context, _, next) => {
    try {
      return await next(context);
    } catch (error) {
      if (typeof (error as { code?: unknown }).code === 'number') throw error;
      // An answer that is not JSON comes from an intermediary, which may have forwarded the request.
      if (error instanceof SyntaxError || error instanceof TypeError)
        throw carried(new PortError('unknown-outcome', 'The answer could not be read.', { cause: error }));
      throw carried(toPortError(error));
    }
  },
};

/**
 * `items.batch` and `items.bulk` turn every failed request into an `Error` without code or status, and a bulk call loses the results
 * of its other requests (Items.js). So this plugin answers a failed request with a failure for each of its operations.
 */
const answerForEach: Plugin = {
  on: 'operation',
  plugin: async (context, _, next) => {
    const { body, headers } = context;
    try {
      return await next(context);
    } catch (error) {
      const isBulk = headers['x-ms-cosmos-is-batch-request'] === true && Array.isArray(body);
      // The SDK must see that a range has split, so that it regroups the operations.
      if (!isBulk || (error as { code?: unknown }).code === COSMOS_GONE) throw error;
      const failure = toPortError(error);
      const answer: OperationAnswer = { statusCode: 0, requestCharge: 0, failure };
      return { code: 207, headers: {}, result: body.map(() => answer) };
    }
  },
};

/**
 * With the first page of each query, and pages of these adapters are all first ones, the SDK asks for a plan of it (queryIterator.js), and goes by it only where an answer
 * says that several ranges must be merged. No query of these adapters needs that, so no plan is asked for; one that did would fail with this error.
 */
const planNothing: Plugin = {
  on: 'request',
  plugin: async (context, _, next) => {
    if (context.headers['x-ms-cosmos-is-query-plan-request'] === undefined) return next(context);
    throw new PortError('invalid', 'The query would have to be merged from several ranges.');
  },
};

/** What `cosmosClientOptions` makes. */
export type CosmosOptions = Pick<CosmosClientOptions, 'connectionPolicy'> & { readonly plugins: readonly Plugin[] };

/**
 * Options for a client of the adapters, except its endpoint and credentials. A cell's account has one region, so endpoint discovery
 * is off: it costs a request at each cold start, and adds retries that cannot be disabled.
 */
export function cosmosClientOptions({ requestTimeoutMs }: { readonly requestTimeoutMs: number }): CosmosOptions {
  const retryOptions = { maxRetryAttemptCount: 0, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 0 };
  return {
    connectionPolicy: { enableEndpointDiscovery: false, requestTimeout: requestTimeoutMs, retryOptions },
    plugins: [planNothing, failOnce, answerForEach],
  };
}
