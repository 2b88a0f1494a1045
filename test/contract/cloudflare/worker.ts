// The Worker that stands between the contracts' clauses and the Workers runtime: it calls adapters as requests over HTTP say.
import { DurableObject } from 'cloudflare:workers';
import {
  DIRECTORY_TIMEOUT_MS,
  type DirectoryStub,
  DurableObjectDirectory,
} from '../../../adapters/cloudflare/durable-object-directory.ts';
import { KvRouteCache } from '../../../adapters/cloudflare/kv-route-cache.ts';
import type { KvNamespace, ObjectContext, ObjectNamespace } from '../../../adapters/cloudflare/platform.ts';
import { SqliteDirectoryStorage } from '../../../adapters/cloudflare/sqlite-directory-storage.ts';
import { randomIds as ids, systemClock } from '../../../adapters/system/system.ts';
import type { DirectoryCommand, DirectoryIntent } from '../../../core/edge/ports/directory-model.ts';
import { describeError } from '../../../core/ports/errors.ts';
import type { Call, Fault, Step } from './calls.ts';

export { DirectoryObject } from '../../../functions-edge/directory.ts';

interface Bindings {
  readonly DIRECTORY: ObjectNamespace<DirectoryStub>;
  readonly STORAGE: ObjectNamespace<{ run(call: Call): Promise<unknown> }>;
  readonly ROUTES: KvNamespace;
}

/** Patience with what never answers: a clause waits for the end of it. */
const SHORT_MS = 100;

const never = () => new Promise<never>(() => undefined);

/** Runs one method of a storage, or a step of writes that may end in an error. */
export class StorageObject extends DurableObject<Bindings> {
  readonly #context: ObjectContext;

  constructor(context: ObjectContext, bindings: Bindings) {
    super(context, bindings);
    this.#context = context;
  }

  run({ method, args }: Call): Promise<unknown> {
    return toldOf(async () => {
      const storage = new SqliteDirectoryStorage(this.#context.storage);
      if (method === 'sql') return this.#context.storage.sql.exec(String(args[0])).toArray();
      if (method !== 'step') return invoke(storage, method, args);
      const { writes, fails } = args[0] as Step;
      return storage.atomically(() => {
        for (const [records, entry] of writes) storage.write(records, entry);
        if (fails) throw new Error('The step failed.');
        return undefined;
      });
    });
  }
}

const invoke = (target: object, method: string, args: readonly unknown[]): unknown =>
  (target as Record<string, (...args: readonly unknown[]) => unknown>)[method]?.(...args);

/** What `work` comes to, in JSON. */
async function toldOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: describeError(error) };
  }
}

/** A stub that behaves as those of a platform in trouble do. */
function faultyStub(stub: DirectoryStub, fault: Fault): DirectoryStub {
  let moves = fault.kind === 'move' ? fault.calls : 0;
  const call =
    (method: string) =>
    async (...args: readonly unknown[]) => {
      if (fault.kind === 'hang') return never();
      if (fault.kind === 'overload')
        throw Object.assign(new Error('Durable Object is overloaded. Requests queued for too long.'), {
          overloaded: true,
          retryable: true,
        });
      if (moves > 0) {
        moves -= 1;
        throw Object.assign(new Error('Durable Object reset because its code was updated.'), { retryable: true });
      }
      const result = await invoke(stub, method, args);
      return fault.kind === 'lose' ? never() : result;
    };
  return new Proxy(stub, { get: (_, method) => call(String(method)) });
}

function faultyNamespace(namespace: KvNamespace, fault: Fault): KvNamespace {
  const trouble = () => {
    if (fault.kind === 'status') throw new Error(`KV PUT failed: ${fault.status} It Says`);
  };
  return {
    get: async (key, options) => {
      trouble();
      return namespace.get(key, options);
    },
    put: async (key, value) => {
      trouble();
      return namespace.put(key, value);
    },
    delete: async (key) => {
      trouble();
      return namespace.delete(key);
    },
  };
}

export default {
  async fetch(request: Request, { DIRECTORY, STORAGE, ROUTES }: Bindings): Promise<Response> {
    // The host asks whether it works at all.
    if (request.method !== 'POST') return new Response(null, { status: 204 });
    const call = (await request.json()) as Call;
    const { target, name, method, args, fault } = call;
    const timeoutMs = fault.kind === 'hang' || fault.kind === 'lose' ? SHORT_MS : 5 * DIRECTORY_TIMEOUT_MS;
    const clock = { ...systemClock, sleep: (ms: number) => systemClock.sleep(Math.min(ms, timeoutMs)) };
    if (target === 'storage') return Response.json(await STORAGE.getByName(name).run(call));
    if (target === 'text') return Response.json({ value: await ROUTES.put(name, String(args[0])) });
    const stub = faultyStub(DIRECTORY.getByName(name), fault);
    const directory = new DurableObjectDirectory({ stub: () => stub, clock, ids, timeoutMs });
    if (method === 'changeAll') {
      const [commands, intent] = args as [DirectoryCommand[], DirectoryIntent];
      return Response.json({ value: await Promise.all(commands.map((command) => directory.change(command, intent))) });
    }
    const adapter =
      target === 'cache' ? new KvRouteCache({ namespace: faultyNamespace(ROUTES, fault), clock }) : directory;
    return Response.json(await toldOf(async () => invoke(adapter, method, args)));
  },
};
