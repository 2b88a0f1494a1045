// The Worker: every request to the edge, and the classes of its Durable Objects.
import { composeEdge, type EdgeBindings, wakeMonitor } from './compose.ts';
import { readEdgeConfig } from './config.ts';

export { DirectoryObject } from './directory.ts';
export { MonitorObject } from './monitor.ts';
export { MoverObject } from './mover.ts';

type Environment = EdgeBindings & Record<string, string>;
type Context = { waitUntil(work: Promise<unknown>): void };

let edge: ReturnType<typeof composeEdge> | undefined;

export default {
  /** The platform passes the environment with each request; it is read at the first one of an isolate. */
  async fetch(request: Request, environment: Environment, context: Context): Promise<Response> {
    if (edge === undefined) {
      edge = composeEdge(readEdgeConfig(environment), environment);
      context.waitUntil(wakeMonitor(environment));
    }
    return edge(request, (work) => context.waitUntil(work));
  },

  /** A cron trigger, so that the monitor also runs without requests. */
  scheduled: (_controller: unknown, environment: Environment): Promise<void> => wakeMonitor(environment),
};
