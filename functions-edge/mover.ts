// The Durable Object that moves tenants and erases their events: its methods are the composed ones.
import { DurableObject } from 'cloudflare:workers';
import type { MoverStub } from '../adapters/cloudflare/mover-object.ts';
import type { ObjectContext } from '../adapters/cloudflare/platform.ts';
import { composeMover, type MoverBindings } from './compose.ts';
import { readEdgeConfig } from './config.ts';

type Environment = MoverBindings & Record<string, string>;

/** Other Workers can call only methods of the prototype. */
export class MoverObject extends DurableObject<Environment> implements MoverStub {
  readonly #methods;

  constructor(context: ObjectContext, environment: Environment) {
    super(context, environment);
    this.#methods = composeMover(context.storage, readEdgeConfig(environment), environment);
  }

  start(...call: Parameters<MoverStub['start']>) {
    return this.#methods.start(...call);
  }
  change(...call: Parameters<MoverStub['change']>) {
    return this.#methods.change(...call);
  }
  show(...call: Parameters<MoverStub['show']>) {
    return this.#methods.show(...call);
  }
  list() {
    return this.#methods.list();
  }
  erasing(...call: Parameters<MoverStub['erasing']>) {
    return this.#methods.erasing(...call);
  }
  alarm() {
    return this.#methods.alarm();
  }
}
