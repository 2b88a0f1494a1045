// Generates `host.json` of the Functions app from the topology.
import { CONSUMER_DEFAULTS, type Topology } from '../core/cell/topology.ts';

/** Margin between the timeout of a function and the end of its message locks. */
const LOCK_MARGIN_SECONDS = 5;

/** The trigger bounds a batch by messages alone: of the largest, these take 25 MiB of the process that all functions share. */
const BATCH_MESSAGES = 100;

const hoursMinutesSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);

/** Routes without a prefix; concurrency and batch sizes from the topology. */
export function hostJson({ consumers, http }: Topology): unknown {
  const visibility = consumers.map(({ visibilitySeconds }) => visibilitySeconds);
  return {
    version: '2.0',
    // A hanging worker must be stopped before its message locks expire, so that no other worker gets its messages in the meantime.
    functionTimeout: hoursMinutesSeconds(
      (visibility.length === 0 ? CONSUMER_DEFAULTS.visibilitySeconds : Math.min(...visibility)) - LOCK_MARGIN_SECONDS,
    ),
    // Alarms count requests and go by log lines (infra/modules/azure-event-cell): of these the host must leave none out, as it does otherwise under load.
    logging: {
      applicationInsights: { samplingSettings: { isEnabled: true, excludedTypes: 'Exception;Request;Trace' } },
    },
    extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    extensions: {
      http: { routePrefix: '', maxConcurrentRequests: http.maximumConcurrency },
      // The settings apply to the whole host, so the consumers share them.
      serviceBus: {
        maxMessageBatchSize: Math.min(BATCH_MESSAGES, Math.max(1, ...consumers.map(({ batchSize }) => batchSize))),
        autoCompleteMessages: true,
      },
    },
  };
}
