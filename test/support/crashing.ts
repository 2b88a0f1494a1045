// Ends a process before or after one of its requests, as a test plans it.

/** The end of the process. */
export class Crash extends Error {}

/** What a process has left: the request in which it ends, counted from 1 (0: never), and whether that one has been carried out. */
export interface CrashPlan {
  left: number;
  readonly after: boolean;
}

/** Returns the same object, of which one call rejects with `Crash`. */
export function crashing<T extends object>(target: T, plan: CrashPlan): T {
  return new Proxy(target, {
    get: (of, name) => {
      const method: unknown = Reflect.get(of, name);
      if (typeof method !== 'function') return method;
      return async (...call: unknown[]) => {
        plan.left -= 1;
        if (plan.left === 0 && !plan.after) throw new Crash();
        const found: unknown = await Reflect.apply(method, of, call);
        if (plan.left === 0) throw new Crash();
        return found;
      };
    },
  });
}
