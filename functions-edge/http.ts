// The Worker: every request to the edge, and the classes of its Durable Objects.
import { composeEdge, type EdgeBindings } from './compose.ts';
import { readEdgeConfig } from './config.ts';

export { DirectoryObject } from './directory.ts';

let edge: ((request: Request) => Promise<Response>) | undefined;

export default {
  /** The platform hands the environment over with each request; it is read at the first one of an isolate. */
  fetch(request: Request, environment: EdgeBindings & Record<string, string>): Promise<Response> {
    edge ??= composeEdge(readEdgeConfig(environment), environment);
    return edge(request);
  },
};
