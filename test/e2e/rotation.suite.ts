// Keys are rotated while events come: no request is refused, and the tenants' other cells go on getting copies.
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { stackPlace } from '../../cli/keys/places.ts';
import { type RotateDeps, rotate } from '../../cli/keys/rotate.ts';
import { ROTATION_LIMITS } from '../../cli/keys/rotation.ts';
import { RotationFiles } from '../../cli/keys/rotation-files.ts';
import { StackClient } from '../../cli/stack-client.ts';
import type { Stack } from '../../local/stack.ts';
import { polycell } from '../integration/cli/run.ts';
import { eventually } from '../support/eventually.ts';
import { turns } from '../support/pace.ts';
import { LATE } from '../support/slowness.ts';

/** A tenant that sends, its home and its standby: one on each cloud. */
const SENDERS = [
  ['rotor-a', 'aws-alpha', 'azure-beta'],
  ['rotor-b', 'azure-beta', 'aws-alpha'],
] as const;

/** Declares the test for a running stack. */
export function rotationSuite(running: () => Stack): void {
  const edgeUrl = () => running().info().edge?.url ?? '';
  const at = (...args: string[]) => polycell(...args, '--stack', edgeUrl());

  /** Sends an event after the other, each over a connection of its own; to be stopped, when the tenant's cells must have taken all. */
  const flowing = (tenant: string, cells: readonly string[]) => {
    const ended: string[] = [];
    let stopped = false;
    const one = async (): Promise<string> => {
      const token = await running().tenantToken({ tenant, scopes: ['ingest'] });
      const headers = { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${token}` };
      const options = { method: 'POST', agent: false, headers };
      return new Promise((resolve) => {
        const request = http.request(`${edgeUrl()}/v1/events`, options, async (response) => {
          const body = await text(response);
          const by = response.statusCode === 202 ? response.headers['x-polycell-cell'] : JSON.parse(body).code;
          resolve(`${response.statusCode} ${by}`);
        });
        request.on('error', (error) => resolve(error.message));
        request.end(
          JSON.stringify({
            ...{ specversion: '1.0', id: `flow-${ended.length}`, source: 'urn:test:rotation', subject: 'flow' },
            ...{ type: 'io.polycell.reading.v1', time: '2026-11-20T10:00:00Z' },
            data: { metric: 'temperature', value: 1 },
          }),
        );
      });
    };
    const all = (async () => {
      const turn = turns();
      while (!stopped) {
        await turn();
        const answer = await one();
        // A busy machine is late; the event is sent again.
        if (!LATE.has(answer)) ended.push(answer);
      }
    })();
    return async () => {
      stopped = true;
      await all;
      expect(ended.filter((answer) => !cells.some((cell) => answer === `202 ${cell}`))).toEqual([]);
      return ended.length;
    };
  };

  /** Rotates a key to the end, and is interrupted wherever it has to wait. The clock of the waits is ahead by what they would take. */
  const rotated = async (cell: string | null): Promise<readonly string[]> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'polycell-rotation-'));
    const told: string[] = [];
    let skipped = 0;
    try {
      const client = await StackClient.find(edgeUrl());
      const deps: RotateDeps = {
        control: await client.control(),
        place: stackPlace(client),
        files: new RotationFiles(edgeUrl(), cell, { XDG_CONFIG_HOME: folder }),
        ...{ edge: edgeUrl(), cell, except: [], kid: `${cell ?? 'edge'}-second`, reason: 'a test' },
        ...{ wait: false, settleMs: 0, sleep: async () => undefined },
        tell: ({ step }) => void told.push(step),
        now: () => Date.now() + skipped,
      };
      await eventually(async () => {
        const done = await rotate(deps);
        skipped += ROTATION_LIMITS.cellLifeMs;
        expect(done).toBe(true);
      });
      return told.filter((step) => step !== 'wait');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };

  const keysNow = async (): Promise<readonly string[]> =>
    (await at('keys', 'list', '--json')).out
      .trim()
      .split('\n')
      .map((line) => {
        const { kid, signs, verifies } = JSON.parse(line) as Record<string, string | string[]>;
        return `${kid}: ${signs} → ${verifies}`;
      });

  /** How many events of the tenant the cell has worked on. */
  const workedOn = async (cell: string, tenant: string): Promise<unknown> => {
    const token = await running().mint({ tenant, cell, scopes: ['read'], epoch: 1 });
    const url = running().cells.find(({ id }) => id === cell)?.url;
    const response = await fetch(`${url}/v1/devices`, { headers: { 'x-polycell-route': token } });
    const { items } = (await response.json()) as { items: { readings: number }[] };
    return items[0]?.readings;
  };

  test('the keys of edge and cell are rotated while events come: none is refused, and all come to both cells', async () => {
    for (const [tenant, cell, standby] of SENDERS) {
      const placed = ['--residency', 'any', '--cell', cell, '--standby', standby];
      expect(await at('tenants', 'add', tenant, ...placed)).toMatchObject({ code: 0 });
    }
    expect(await at('keys', 'rotate', '--except', 'hooli')).toMatchObject({ code: 2 });
    const flows = SENDERS.map(([tenant, ...cells]) => flowing(tenant, cells));
    expect(await rotated(null)).toEqual(['accept', 'sign', 'retire', 'done']);
    expect(await rotated('aws-alpha')).toEqual(['declare', 'prove', 'declare', 'done']);
    const [sent, others] = await Promise.all(flows.map((stop) => stop()));
    expect(await keysNow()).toEqual([
      'edge-second: the edge → aws-alpha,azure-beta,azure-gamma',
      'aws-alpha-second: aws-alpha → the directory',
      'azure-beta: azure-beta → the directory',
      'azure-gamma: azure-gamma → the directory',
    ]);
    await eventually(async () => {
      for (const cell of ['aws-alpha', 'azure-beta'])
        expect([await workedOn(cell, 'rotor-a'), await workedOn(cell, 'rotor-b')]).toEqual([sent, others]);
    });
  });
}
