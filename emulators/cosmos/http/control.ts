// The control interface under /_control: the same operations as the emulator's methods, for other processes.
import { badRequest, CosmosError, notFound } from '../errors.ts';
import { type FaultRule, OPERATIONS, type Operation } from '../faults.ts';
import type { JsonObject } from '../json.ts';
import { type Exchange, objectBody, type Reply, reply } from './exchange.ts';

/** What the control interface can do. */
export interface Controls {
  reset(): void;
  advanceClock(ms: number): number;
  split(database: string, container: string, rangeId?: string): readonly string[];
  inspect(): unknown;
  addFault(rule: FaultRule): string;
  clearFaults(id?: string): void;
  listFaults(): unknown;
}

/** Serves `/_control/...`; not signed, because it is only reachable from this machine. */
export function control(controls: Controls, exchange: Exchange): Reply {
  const [, what, id] = exchange.segments;
  switch (`${exchange.method} ${what ?? ''}`) {
    case 'POST reset':
      controls.reset();
      return reply(200, { reset: true });
    case 'POST clock': {
      const { advanceMs } = objectBody(exchange);
      if (typeof advanceMs !== 'number' || advanceMs < 0) throw badRequest('advanceMs must be a non-negative number.');
      return reply(200, { now: controls.advanceClock(advanceMs) });
    }
    case 'POST split': {
      const { database, container, rangeId } = objectBody(exchange);
      if (typeof database !== 'string' || typeof container !== 'string')
        throw badRequest('split needs database and container.');
      const range = typeof rangeId === 'string' ? rangeId : undefined;
      return reply(200, { ranges: controls.split(database, container, range) });
    }
    case 'GET state':
    case 'GET ':
      return reply(200, controls.inspect());
    case 'GET faults':
      return reply(200, controls.listFaults());
    case 'POST faults':
      return reply(201, { id: controls.addFault(readRule(objectBody(exchange))) });
    case 'DELETE faults':
      controls.clearFaults(id);
      return reply(204, undefined);
    default:
      throw notFound();
  }
}

const isOperation = (name: unknown): name is Operation => OPERATIONS.some((known) => known === name);

/** Reads a fault, refusing fields it does not know rather than ignoring a misspelt condition. */
export function readRule(body: JsonObject): FaultRule {
  const texts = ['database', 'container', 'itemId', 'partitionKey', 'rangeId', 'message'];
  const numbers = ['skip', 'latencyMs', 'status', 'substatus', 'retryAfterMs'];
  const flags = ['drop', 'afterApplying'];
  const rule: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    const valid =
      (texts.includes(name) && typeof value === 'string') ||
      (numbers.includes(name) && typeof value === 'number') ||
      (flags.includes(name) && typeof value === 'boolean') ||
      (name === 'count' && (typeof value === 'number' || value === 'always')) ||
      (name === 'operation' && (isOperation(value) || (Array.isArray(value) && value.every(isOperation))));
    if (!valid) throw new CosmosError(400, `The fault field '${name}' is unknown or has a wrong value.`);
    rule[name] = value === 'always' ? Number.POSITIVE_INFINITY : value;
  }
  return rule;
}
