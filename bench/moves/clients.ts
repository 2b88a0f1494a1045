// The clients of `moves`: each posts one event after the other at a steady pace to where the directory says its tenant is, as a router would.
import { systemClock } from '../../adapters/system/system.ts';
import { epochOf } from '../../core/edge/ports/directory-model.ts';
import { timeOf } from '../../core/edge/ports/ingest-times.ts';
import { NO_TRAFFIC } from '../../core/edge/ports/traffic.ts';
import { reading } from '../kit/events.ts';
import type { MovesGround } from './ground.ts';
import { deviceOf } from './seed.ts';

/** A request is repeated where the cell refuses the route, as the router does. */
const ATTEMPTS = 3;

export interface Client {
  /** Begins a new series of times. */
  begin(): void;
  /** How long the requests of the present series took, in milliseconds. */
  times(): readonly number[];
  /** Events that were acknowledged, since the start. */
  readonly acknowledged: number;
  /** Requests that were refused and repeated. */
  readonly repeated: number;
  stop(): Promise<void>;
}

/** Starts a client; it ends with `stop`, and rejects there if an event was not taken. */
export function startClient(
  { keys, cells, copies, directory, ingests }: MovesGround,
  tenant: string,
  everyMs: number,
): Client {
  let times: number[] = [];
  let acknowledged = 0;
  let repeated = 0;
  let stopped = false;

  const send = async (number: number): Promise<void> => {
    const event = reading({
      id: `live-${number}`,
      device: deviceOf(number % 10),
      time: Date.now(),
      value: number % 40,
    });
    for (let attempt = 1; ; attempt += 1) {
      const { tenant: found, cells: records } = await directory.lookup(tenant);
      const home = records.find(({ id }) => id === found?.cell);
      if (found === null || home === undefined) throw new Error(`There is no tenant ${tenant}.`);
      const cell = cells[home.id === 'aws' ? 'aws' : 'azure'];
      const route = { tenant, cell: cell.id, endpoint: cell.endpoint, epoch: epochOf(found, home) };
      const sentAt = systemClock.now();
      const response = await fetch(`${cell.endpoint}/v1/events`, {
        method: 'POST',
        headers: {
          'content-type': 'application/cloudevents+json',
          'x-polycell-route': await keys.mint({ ...route, scopes: ['ingest'] }),
        },
        body: JSON.stringify(event),
      });
      const text = await response.text();
      ingests.report({
        [cell.id]: { ...NO_TRAFFIC, ingestTimes: timeOf(systemClock.now() - sentAt) },
      });
      if (response.status === 202) {
        copies[cell.id].accepted(tenant, event);
        break;
      }
      if (attempt === ATTEMPTS) throw new Error(`An event of ${tenant} was answered ${response.status}: ${text}`);
      repeated += 1;
    }
    acknowledged += 1;
  };

  const work = (async () => {
    for (let number = 0; !stopped; number += 1) {
      const began = performance.now();
      await send(number);
      const took = performance.now() - began;
      times.push(took);
      await systemClock.sleep(Math.max(1, everyMs - took));
    }
  })();
  work.catch(() => undefined);

  return {
    begin: () => {
      times = [];
    },
    times: () => times,
    get acknowledged() {
      return acknowledged;
    },
    get repeated() {
      return repeated;
    },
    async stop() {
      stopped = true;
      await work;
    },
  };
}
