// The promises of a running cell, seen through its edge: it proves itself, its tenants' events have exact results, and requests that are
// nearly right are answered as the code itself answers them.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../adapters/system/system.ts';
import type { Connection } from '../../cli/edge/connection.ts';
import type { Target } from '../../cli/edge/edge-client.ts';
import { application } from '../../core/application.ts';
import { routeTokenSigner } from '../../core/cell/route-token.ts';
import { type EpochSeconds, toEpochSeconds } from '../../core/ports/clock.ts';
import type { RequestStep } from '../parity/recording.ts';
import { tortureSteps } from '../parity/torture.ts';
import { send, type WireAnswer } from '../parity/wire.ts';
import { eventually } from '../support/eventually.ts';
import { ended, startMemoryCell } from '../support/memory-cell.ts';
import { asEvent, expectedRollups, manyReadings } from '../support/readings.ts';
import { EDGE_KEY } from '../support/route-tokens.ts';
import type { Finding } from './findings.ts';

const MINUTE_MS = 60_000;

/** Events of the main job, in batches of so many, from so many devices. */
const JOB = { events: 300, batch: 50, devices: 6 } as const;

/** What the edge itself refuses, because no cell would take it, in its own words. */
const OF_THE_EDGE = /more than 1 MiB/;

/** Differences that are shown; all of them have the same kinds of causes. */
const SHOWN_DIFFERENCES = 10;

/** A promise and how it is tried; a rejection says how it was broken. */
type Trial = readonly [promise: string, attempt: () => Promise<void>];

/** Tries a cell. Its tenants have names that nothing else has, and are removed from the directory at the end. */
export async function conformCell(
  connection: Connection,
  cell: string,
  progress: (text: string) => void,
): Promise<readonly Finding[]> {
  const control = await connection.control();
  const { items } = await control('GET', 'cells');
  const known = items.find(({ id }) => id === cell);
  if (known === undefined)
    throw new Error(`There is no cell ${JSON.stringify(cell)}; there are ${items.map(({ id }) => id).join(', ')}.`);
  const where = `${cell} (${known.cloud}, ${known.region}) through ${connection.where}`;
  const prefix = `conformance-${randomBytes(4).toString('hex')}`;
  const tenants = { job: `${prefix}-job`, other: `${prefix}-other`, torture: `${prefix}-torture` };
  const reason = 'npm run conformance';
  const findings: Finding[] = [];
  try {
    for (const tenant of Object.values(tenants))
      await control('PUT', `tenants/${tenant}`, { residency: 'any', tier: 'premium', cell, standby: null, reason });
    const trials: readonly Trial[] = [
      ['it proves its identity by a declared key, and says which keys it takes', () => proves(connection, cell)],
      ...(await jobOf(connection, tenants.job, tenants.other)),
      [
        'requests that are nearly right are answered as the code answers them',
        () => torture(connection, tenants.torture),
      ],
    ];
    for (const [promise, attempt] of trials) {
      progress(promise);
      findings.push(await tried(promise, where, attempt));
    }
    return findings;
  } finally {
    for (const tenant of Object.values(tenants))
      await control('DELETE', `tenants/${tenant}`, { keepData: true, reason }).catch(() => undefined);
  }
}

async function tried(promise: string, where: string, attempt: () => Promise<void>): Promise<Finding> {
  try {
    await attempt();
    return { promise, where, outcome: 'held', detail: '' };
  } catch (error) {
    return { promise, where, outcome: 'broken', detail: error instanceof Error ? error.message : String(error) };
  }
}

async function proves(connection: Connection, cell: string): Promise<void> {
  const { cells } = await (await connection.control())('GET', 'keys');
  const { proves: kid = null, problem = null } = cells.find(({ id }) => id === cell) ?? {};
  if (kid === null || problem !== null) throw new Error(problem ?? 'it proves nothing');
}

/** @throws Error that shows both, if they differ */
function same(what: string, found: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(found), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what}: found ${one}, expected ${other}`);
}

/** The main job: readings in, exact rollups out, and each promise on the way. */
async function jobOf(connection: Connection, tenant: string, other: string): Promise<readonly Trial[]> {
  const [own, others] = [await connection.target(tenant, undefined), await connection.target(other, undefined)];
  const readings = manyReadings(JOB.events, JOB.devices);
  const post = async (some: typeof readings) => {
    const response = await own.call('ingest', '/v1/events', {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(some.map(asEvent)),
    });
    const { accepted, duplicates, rejected } = (await response.json()) as Record<string, number>;
    return { status: response.status, accepted, duplicates, rejected };
  };
  return [
    [
      'events are accepted once, and what is sent again is a duplicate',
      async () => {
        for (let at = 0; at < readings.length; at += JOB.batch) {
          const batch = readings.slice(at, at + JOB.batch);
          same('first', await post(batch), { status: 202, accepted: batch.length, duplicates: 0, rejected: 0 });
          same('again', await post(batch), { status: 202, accepted: 0, duplicates: batch.length, rejected: 0 });
        }
      },
    ],
    [
      'every reading is counted in its device exactly once',
      () =>
        eventually(async () => {
          const devices = (await all(own, '/v1/devices')) as { id: string; readings: number }[];
          const each = JOB.events / JOB.devices;
          same(
            'readings',
            devices.map(({ id, readings: count }) => `${id} ${count}`),
            [...Array(JOB.devices).keys()].map((index) => `device-${index} ${each}`),
          );
        }),
    ],
    [
      'the rollups of every device and minute are exact',
      () =>
        eventually(async () => {
          for (let device = 0; device < JOB.devices; device += 1) {
            const id = `device-${device}`;
            const found = (await all(
              own,
              `/v1/devices/${id}/rollups?window=1m&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z`,
            )) as Record<string, unknown>[];
            const expected = [
              ...expectedRollups(
                readings.filter((each) => each.device === id),
                MINUTE_MS,
              ),
            ].map(([key, rollup]) => ({ start: Date.parse(key.split(' ')[1] ?? ''), ...rollup }));
            same(
              id,
              found.map(({ start, count, min, max, sum, last }) => ({
                start: Date.parse(String(start)),
                count,
                min,
                max,
                sum,
                last,
              })),
              expected,
            );
          }
        }),
    ],
    ['another tenant sees none of it', async () => same('devices', await all(others, '/v1/devices'), [])],
    ['nothing is parked', async () => same('parked', await all(own, '/v1/parked', 'operate'), [])],
  ];
}

/** Pages of a listing that are followed. */
const PAGES = 100;

async function all(target: Target, path: string, scope = 'read'): Promise<unknown[]> {
  const items: unknown[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page += 1) {
    const query: string =
      cursor === null ? '' : `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
    const response = await target.call(scope, path + query);
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    const answer = (await response.json()) as { items: unknown[]; next: string | null };
    items.push(...answer.items);
    cursor = answer.next;
    if (cursor === null) return items;
  }
  throw new Error(`${path} has more than ${PAGES} pages.`);
}

/** Where a tenant's raw requests go, and with which credential. */
async function rawAccess({ deployed, stack }: Connection, tenant: string) {
  if (deployed !== undefined)
    return {
      base: deployed.edge,
      prefix: `/control/v1/tenants/${tenant}/api`,
      authorization: async () => `Bearer ${await deployed.token()}`,
    };
  const base = (await stack?.info())?.edge?.url;
  if (stack === undefined || base === undefined) throw new Error('This stack has no edge.');
  return {
    base,
    prefix: '',
    authorization: async () => `Bearer ${await stack.tenantToken(tenant, 'ingest,read,operate')}`,
  };
}

/** Sends the list to the cell and to one in memory that has seen the same, and compares status and body. */
async function torture(connection: Connection, tenant: string): Promise<void> {
  const { base, prefix, authorization } = await rawAccess(connection, tenant);
  const reference = await startMemoryCell('reference', application);
  const sign = routeTokenSigner(EDGE_KEY);
  const differences: string[] = [];
  try {
    for (const step of tortureSteps().filter((each): each is RequestStep => each.kind === 'request')) {
      const issuedAt = toEpochSeconds(systemClock.now());
      const claims = { tenant, cell: reference.id, endpoint: reference.url, epoch: 1, issuedAt } as const;
      const route = await sign({
        ...claims,
        expiresAt: (issuedAt + 60) as EpochSeconds,
        scopes: ['ingest', 'read', 'operate'],
      });
      const asked = (url: string, path: string, credential: Record<string, string>) =>
        send(url, { ...step, path, headers: { ...credential, ...step.headers } });
      const expected = await asked(reference.url, step.path, { 'x-polycell-route': route });
      const found = await asked(base, prefix + step.path, { authorization: await authorization() });
      const seen = ({ status, body }: WireAnswer) => (OF_THE_EDGE.test(step.name) ? `${status}` : `${status} ${body}`);
      if (seen(found) !== seen(expected))
        differences.push(`${step.name}: ${seen(found).slice(0, 200)} in place of ${seen(expected).slice(0, 200)}`);
    }
  } finally {
    await ended(reference.server);
  }
  if (differences.length > 0)
    throw new Error(
      [`${differences.length} requests are answered otherwise:`, ...differences.slice(0, SHOWN_DIFFERENCES)].join('\n'),
    );
}
