// The Durable Object that keeps the directory: its methods are the composed ones.
import { DurableObject } from 'cloudflare:workers';
import type { DirectoryStub } from '../adapters/cloudflare/durable-object-directory.ts';
import type { ObjectContext } from '../adapters/cloudflare/platform.ts';
import { composeDirectory, type DirectoryBindings } from './compose.ts';

/** Other Workers can call only methods of the prototype, so each is declared explicitly. */
export class DirectoryObject extends DurableObject<DirectoryBindings> implements DirectoryStub {
  readonly #methods;

  constructor(context: ObjectContext, bindings: DirectoryBindings) {
    super(context, bindings);
    this.#methods = composeDirectory(context.storage, bindings);
  }

  lookup(...call: Parameters<DirectoryStub['lookup']>) {
    return this.#methods.lookup(...call);
  }
  cells() {
    return this.#methods.cells();
  }
  tenants(...call: Parameters<DirectoryStub['tenants']>) {
    return this.#methods.tenants(...call);
  }
  audit(...call: Parameters<DirectoryStub['audit']>) {
    return this.#methods.audit(...call);
  }
  lease(...call: Parameters<DirectoryStub['lease']>) {
    return this.#methods.lease(...call);
  }
  change(...call: Parameters<DirectoryStub['change']>) {
    return this.#methods.change(...call);
  }
  alarm() {
    return this.#methods.alarm();
  }
}
