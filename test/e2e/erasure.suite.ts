// Events of a subject are erased on both clouds at once: in the home and in the standby, for good, while later events are accepted.
import type { Erasure } from '../../core/edge/ports/erasures.ts';
import type { Stack } from '../../local/stack.ts';
import { polycell } from '../integration/cli/run.ts';
import { eventually } from '../support/eventually.ts';
import { assigned } from './assigned.ts';

/** A tenant, its home and its standby: one on each cloud. */
const TENANTS = [
  ['eraser-a', 'aws-alpha', 'azure-beta'],
  ['eraser-b', 'azure-beta', 'aws-alpha'],
] as const;

const BEFORE = '2026-11-20T10:00:00Z';
const UNTIL = '2026-11-20T10:00:30Z';
const AFTER = '2026-11-20T10:00:31Z';

/** Declares the test for a running stack. */
export function erasureSuite(running: () => Stack): void {
  const edgeUrl = () => running().info().edge?.url ?? '';
  const at = (...args: string[]) => polycell(...args, '--stack', edgeUrl());

  const direct = async (tenant: string, cell: string, path: string, scope: 'read' | 'erase', body?: object) => {
    const token = await running().mint({ tenant, cell, scopes: [scope], epoch: 1 });
    const response = await fetch(`${running().cells.find(({ id }) => id === cell)?.url}${path}`, {
      headers: { 'x-polycell-route': token, 'content-type': 'application/json' },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };

  const send = async (tenant: string, id: string, subject: string, time = BEFORE) => {
    const token = await running().tenantToken({ tenant, scopes: ['ingest'] });
    const response = await fetch(`${edgeUrl()}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json', authorization: `Bearer ${token}` },
      body: JSON.stringify({
        ...{ specversion: '1.0', id, source: 'urn:test:erasure', type: 'io.polycell.reading.v1', subject, time },
        data: { metric: 'temperature', value: 1 },
      }),
    });
    const { results } = (await response.json()) as { results: { status: string; error?: { code: string } }[] };
    return results[0]?.error?.code ?? results[0]?.status;
  };

  const devicesOf = async (tenant: string, cell: string) =>
    ((await direct(tenant, cell, '/v1/devices', 'read')).items as { id: string; readings: number }[]).map(
      ({ id, readings }) => `${id} ${readings}`,
    );

  /** What the edge does next, without the time for which it lets things end: here nothing else goes on. */
  const swept = async (erasure: Erasure, cell: string) => {
    const { id, tenant, subject, until } = erasure;
    for (const pass of [1, 2])
      await eventually(async () => {
        const body = { erasure: id, subject, until, phase: 'sweep', pass };
        expect(await direct(tenant, cell, '/v1/erasures', 'erase', body)).toMatchObject({ done: true });
      });
  };

  test('an erased subject is gone on both clouds and stays so, and its later events are accepted', async () => {
    for (const [tenant, home, standby] of TENANTS)
      expect(await at('tenants', 'add', tenant, '--cell', home, '--standby', standby)).toMatchObject({ code: 0 });
    await assigned(
      at,
      TENANTS.map(([tenant]) => tenant),
    );
    await Promise.all(
      TENANTS.map(async ([tenant, home, standby]) => {
        for (const [id, subject] of [
          ['a', 'gone'],
          ['b', 'gone'],
          ['c', 'stays'],
        ] as const)
          expect(await send(tenant, id, subject)).toBe('accepted');
        for (const cell of [home, standby])
          await eventually(async () => expect(await devicesOf(tenant, cell)).toEqual(['gone 2', 'stays 1']));
        const what = ['erase', tenant, '--subject', 'gone', '--until', UNTIL];
        expect(await at(...what)).toMatchObject({ code: 2, err: expect.stringMatching(/cannot be undone/) });
        expect((await at(...what, '--dry-run')).out).toMatch(/Would erase the events of gone/);
        const ordered = await at(...what, '--yes', '--reason', 'a request', '--json');
        expect(ordered.code).toBe(0);
        const { id } = JSON.parse(ordered.out) as Erasure;
        const shown = async () => JSON.parse((await at('erasures', 'show', id, '--json')).out) as Erasure;
        await eventually(async () =>
          expect((await shown()).cells).toMatchObject({ [home]: { step: 'drain' }, [standby]: { step: 'drain' } }),
        );
        // What processes have read before is read again after some seconds.
        await eventually(async () => expect(await send(tenant, 'a', 'gone')).toBe('erased'));
        const erasure = await shown();
        for (const cell of [home, standby]) await swept(erasure, cell);
        for (const cell of [home, standby]) {
          expect(await devicesOf(tenant, cell)).toEqual(['stays 1']);
          expect((await direct(tenant, cell, '/v1/log', 'read')).items).toMatchObject([{ subject: 'stays' }]);
        }
        expect(await at('replicas', 'verify', tenant)).toMatchObject({ code: 0 });
        expect(await send(tenant, 'later', 'gone', AFTER)).toBe('accepted');
        for (const cell of [home, standby])
          await eventually(async () => expect(await devicesOf(tenant, cell)).toEqual(['gone 1', 'stays 1']));
        expect(await at('audit', '--limit', '20')).toMatchObject({ out: expect.stringMatching(/erase/) });
      }),
    );
  });
}
