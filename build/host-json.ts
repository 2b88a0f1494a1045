// `host.json` of the Functions app, made from the topology.
import { CONSUMER_DEFAULTS, type Topology } from '../core/cell/topology.ts';

/** Between the end of a function and the end of the locks that it holds. */
const LOCK_MARGIN_SECONDS = 5;

const hoursMinutesSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);

/** Routes without a prefix, requests at once and batches as the topology says. */
export function hostJson({ consumers, http }: Topology): unknown {
  const visibility = consumers.map(({ visibilitySeconds }) => visibilitySeconds);
  return {
    version: '2.0',
    // A worker that hangs must be gone before its messages' locks are: nobody else may have them in the meantime.
    functionTimeout: hoursMinutesSeconds(
      (visibility.length === 0 ? CONSUMER_DEFAULTS.visibilitySeconds : Math.min(...visibility)) - LOCK_MARGIN_SECONDS,
    ),
    extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    extensions: {
      http: { routePrefix: '', maxConcurrentRequests: http.maximumConcurrency },
      // The settings are the host's, so the consumers share them.
      serviceBus: {
        maxMessageBatchSize: Math.max(1, ...consumers.map(({ batchSize }) => batchSize)),
        autoCompleteMessages: true,
      },
    },
  };
}
