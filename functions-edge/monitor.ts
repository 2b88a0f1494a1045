// The Durable Object that monitors the cells: its methods are the composed ones.
import { DurableObject } from 'cloudflare:workers';
import type { ObjectContext } from '../adapters/cloudflare/platform.ts';
import type { TrafficReport } from '../core/edge/ports/traffic.ts';
import { composeMonitor, type MonitorBindings, type Watching } from './compose.ts';
import { readEdgeConfig } from './config.ts';

type Environment = MonitorBindings & Record<string, string>;

/** Other Workers can call only methods of the prototype. */
export class MonitorObject extends DurableObject<Environment> implements Watching {
  readonly #methods;

  constructor(context: ObjectContext, environment: Environment) {
    super(context, environment);
    this.#methods = composeMonitor(context.storage, readEdgeConfig(environment), environment);
  }

  wake() {
    return this.#methods.wake();
  }

  status() {
    return this.#methods.status();
  }

  overview(known: string | null) {
    return this.#methods.overview(known);
  }

  report(traffic: TrafficReport) {
    return this.#methods.report(traffic);
  }

  alarm() {
    return this.#methods.alarm();
  }
}
