// The declared topology, but for waiting times that a test has no patience for.
import { application } from '../../core/application.ts';
import type { Topology } from '../../core/cell/topology.ts';
import { topologyOf } from '../../core/domain/application.ts';

const topology = topologyOf(application);

/**
 * How long a message stays locked on Azure. Its platform gives the messages of a crashed worker back at once, and takes up to
 * eight seconds to start the next one while it holds locks.
 */
export const AZURE_LOCK_SECONDS = 20;

/**
 * Where nothing is made to hang: a machine may be slow, and a worker that is taken for hanging ends all that it does. A delivery that
 * fails is hidden for as long, so it is a fraction of what tests wait.
 */
export const PATIENT = { timeoutSeconds: 40 } as const;

/** What API Gateway waits for a function, in seconds. */
const GATEWAY_SECONDS = 29;

/**
 * `visibilitySeconds`: how long a delivered message stays hidden or locked; `timeoutSeconds`: how long a consumer may take. Requests may take
 * longer than is declared where consumers may.
 */
export const impatient = (visibilitySeconds: number, timeoutSeconds = 4): Topology => ({
  ...topology,
  http: {
    ...topology.http,
    timeoutSeconds: Math.max(topology.http.timeoutSeconds, Math.min(timeoutSeconds, GATEWAY_SECONDS)),
  },
  consumers: topology.consumers.map((consumer) => ({
    ...consumer,
    timeoutSeconds,
    visibilitySeconds,
    batchSize: Math.min(consumer.batchSize, 50),
  })),
});
