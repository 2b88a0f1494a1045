// The Durable Object that monitors the cells: its methods are the composed ones.
import { DurableObject } from 'cloudflare:workers';
import type { MonitorStub } from '../adapters/cloudflare/monitor-object.ts';
import type { ObjectContext } from '../adapters/cloudflare/platform.ts';
import type { MonitorStatus } from '../core/edge/monitor/monitor.ts';
import { composeMonitor, type MonitorBindings } from './compose.ts';
import { readEdgeConfig } from './config.ts';

type Environment = MonitorBindings & Record<string, string>;

/** Other Workers can call only methods of the prototype. */
export class MonitorObject extends DurableObject<Environment> implements MonitorStub<MonitorStatus> {
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

  alarm() {
    return this.#methods.alarm();
  }
}
