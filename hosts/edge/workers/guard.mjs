// A layer between the Worker under test and its Durable Objects: passes every call on, unless a fault is set.

/** How long a silent object keeps a caller waiting, in milliseconds: longer than any caller waits. */
const SILENCE_MS = 600_000;

/** Binding → what is wrong with it. Lives in this module, which the bundle cannot see. */
const faults = new Map();

/** The error of a caller that cannot reach an object; https://developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
const unreachable = () => Object.assign(new Error('Network connection lost.'), { retryable: true, remote: true });

/** @param {string} binding */
async function suffer(binding) {
  const fault = faults.get(binding);
  if (fault === undefined) return;
  if (fault === 'refused') throw unreachable();
  await new Promise((resolve) => setTimeout(resolve, fault === 'silent' ? SILENCE_MS : fault.delayMs));
  if (fault === 'silent') throw unreachable();
}

/** Members of a stub that are not calls. */
const OF_THE_STUB = new Set(['id', 'name', 'then']);

/** @param {any} stub @param {string} binding */
function guardStub(stub, binding) {
  return new Proxy(stub, {
    get(target, property) {
      if (typeof property !== 'string' || OF_THE_STUB.has(property)) return Reflect.get(target, property, target);
      /** @param {unknown[]} given */
      return async (...given) => {
        if (faults.size > 0) await suffer(binding);
        return target[property](...given);
      };
    },
  });
}

/** @param {any} namespace @param {string} binding */
function guardNamespace(namespace, binding) {
  return new Proxy(namespace, {
    get(target, property) {
      const value = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      /** @param {unknown[]} given */
      return (...given) => {
        const result = value.apply(target, given);
        return property === 'get' || property === 'getByName' ? guardStub(result, binding) : result;
      };
    },
  });
}

/**
 * The exports of a bundle, with all calls to its Durable Objects guarded.
 * @param {any} bundle
 * @param {readonly string[]} bindings those of Durable Objects
 */
export function guard(bundle, bindings) {
  const guarded = new WeakMap();
  /** The same object for the same environment, because a Worker may cache what it derives from it. @param {object} env */
  const guardEnvironment = (env) => {
    if (!guarded.has(env)) {
      const namespaces = bindings.map((name) => [name, guardNamespace(Reflect.get(env, name), name)]);
      guarded.set(env, Object.freeze({ ...env, ...Object.fromEntries(namespaces) }));
    }
    return guarded.get(env);
  };
  return {
    handlers: Object.fromEntries(
      Object.entries(bundle.default).map(([name, handler]) => [
        name,
        /** @param {unknown} event @param {object} env @param {unknown} context */
        (event, env, context) => handler.call(bundle.default, event, guardEnvironment(env), context),
      ]),
    ),
    /** @param {string} name */
    object: (name) => {
      const Guarded = /** @type {new (...given: any[]) => any} */ (bundle[name]);
      return class extends Guarded {
        /** @param {unknown} state @param {object} env */
        constructor(state, env) {
          super(state, guardEnvironment(env));
        }
      };
    },
  };
}

/** The entrypoint by which the host sets faults: `{ "<binding>": "refused" | "silent" | { "delayMs": n } }`. */
export const Switch = {
  /** @param {Request} request */
  async fetch(request) {
    faults.clear();
    const broken = /** @type {Record<string, unknown>} */ (await request.json());
    for (const [binding, fault] of Object.entries(broken)) faults.set(binding, fault);
    return new Response(null, { status: 204 });
  },
};
