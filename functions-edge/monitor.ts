// The Durable Object that monitors the cells: its methods are the composed ones, of the prototype, as other Workers can call only those.
import { DurableObject } from 'cloudflare:workers';
import type { ObjectContext } from '../adapters/cloudflare/platform.ts';
import { composeMonitor, type MonitorBindings, type Watching } from './compose.ts';
import { readEdgeConfig } from './config.ts';

export class MonitorObject extends DurableObject<MonitorBindings & Record<string, string>> implements Watching {
  readonly #methods;
  constructor(context: ObjectContext, environment: MonitorBindings & Record<string, string>) {
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
  report(...call: Parameters<Watching['report']>) {
    return this.#methods.report(...call);
  }
  ingestTimes(...call: Parameters<Watching['ingestTimes']>) {
    return this.#methods.ingestTimes(...call);
  }
  caughtUp(...call: Parameters<Watching['caughtUp']>) {
    return this.#methods.caughtUp(...call);
  }
  noteDrill(...call: Parameters<Watching['noteDrill']>) {
    return this.#methods.noteDrill(...call);
  }
  drills() {
    return this.#methods.drills();
  }
  alarm() {
    return this.#methods.alarm();
  }
}
