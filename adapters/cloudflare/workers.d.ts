// Declares the parts used here of the module that the Workers runtime provides.
declare module 'cloudflare:workers' {
  /** Base class of objects whose methods other Workers can call. */
  export class DurableObject<Environment> {
    constructor(context: import('./platform.ts').ObjectContext, environment: Environment);
    protected readonly ctx: import('./platform.ts').ObjectContext;
    protected readonly env: Environment;
  }
}
