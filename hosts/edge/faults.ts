// What can be broken around the edge, and how an order for it is read.

/** What is wrong with a connection: it is refused, it stays silent, or it takes this much longer. */
export type EdgeFault = 'refused' | 'silent' | { readonly delayMs: number };

/** What is wrong at the edge; what is not named is well. */
export interface EdgeFaults {
  /** The KV namespace. */
  readonly routeCache?: EdgeFault;
  /** The Durable Objects, by binding. */
  readonly objects?: Readonly<Record<string, EdgeFault>>;
  /** Servers that the edge calls, by origin (`http://127.0.0.1:8080`). Other clients of theirs are not affected. */
  readonly origins?: Readonly<Record<string, EdgeFault>>;
}

/** A delay at most, in milliseconds. */
const MAXIMUM_DELAY_MS = 600_000;

/** Reads an order. @throws Error that says what is wrong with it */
export function readFaults(order: unknown): EdgeFaults {
  const { routeCache, objects, origins, ...unknown } = readObject(order, 'The faults');
  const [other] = Object.keys(unknown);
  if (other !== undefined)
    throw new Error(
      `There is nothing to break called ${JSON.stringify(other)}; there are routeCache, objects, origins.`,
    );
  return {
    ...(routeCache !== undefined && { routeCache: readFault(routeCache) }),
    ...(objects !== undefined && { objects: readAll(objects, 'objects') }),
    ...(origins !== undefined && { origins: readAll(origins, 'origins') }),
  };
}

const readAll = (order: unknown, name: string): Readonly<Record<string, EdgeFault>> =>
  Object.fromEntries(Object.entries(readObject(order, name)).map(([key, fault]) => [key, readFault(fault)]));

function readObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${name} must be an object.`);
  return value as Readonly<Record<string, unknown>>;
}

function readFault(fault: unknown): EdgeFault {
  if (fault === 'refused' || fault === 'silent') return fault;
  const { delayMs } = readObject(fault, 'A fault that is neither "refused" nor "silent"');
  if (typeof delayMs !== 'number' || !(delayMs >= 0 && delayMs <= MAXIMUM_DELAY_MS))
    throw new Error(`delayMs must be a number from 0 to ${MAXIMUM_DELAY_MS}.`);
  return { delayMs };
}
