// The Durable Object that keeps the directory: its methods are the composed ones.
import { DurableObject } from 'cloudflare:workers';
import type { DirectoryStub } from '../adapters/cloudflare/durable-object-directory.ts';
import type { ObjectContext } from '../adapters/cloudflare/platform.ts';
import { composeDirectory, type DirectoryBindings } from './compose.ts';

type Call<M extends keyof DirectoryStub> = Parameters<DirectoryStub[M]>;

/** Methods of its prototype are what other Workers can call. */
export class DirectoryObject extends DurableObject<DirectoryBindings> implements DirectoryStub {
  readonly #methods;

  constructor(context: ObjectContext, bindings: DirectoryBindings) {
    super(context, bindings);
    this.#methods = composeDirectory(context.storage, bindings);
  }

  lookup(...call: Call<'lookup'>) {
    return this.#methods.lookup(...call);
  }

  cells() {
    return this.#methods.cells();
  }

  tenants(...call: Call<'tenants'>) {
    return this.#methods.tenants(...call);
  }

  audit(...call: Call<'audit'>) {
    return this.#methods.audit(...call);
  }

  change(...call: Call<'change'>) {
    return this.#methods.change(...call);
  }

  alarm() {
    return this.#methods.alarm();
  }
}
