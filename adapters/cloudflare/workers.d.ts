// The module that the Workers runtime brings; only what is used of it.
declare module 'cloudflare:workers' {
  /** Base of the classes whose methods other Workers may call. */
  export class DurableObject<Environment> {
    constructor(context: import('./platform.ts').ObjectContext, environment: Environment);
    protected readonly ctx: import('./platform.ts').ObjectContext;
    protected readonly env: Environment;
  }
}
