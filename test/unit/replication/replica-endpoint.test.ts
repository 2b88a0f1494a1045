// Which senders of copies of events a cell believes, and what it refuses.
import { type AssignedCell, type Assignment, assignmentSigner } from '../../../core/cell/assignment.ts';
import { TOMBSTONE_REMEMBERED_MS } from '../../../core/cell/erasure-terms.ts';
import { eventKey, toLogDocument } from '../../../core/events/cloud-event.ts';
import { RECEIPT_LIMITS } from '../../../core/pipeline/receipts.ts';
import { tombstones } from '../../../core/pipeline/tombstones.ts';
import type { EpochSeconds } from '../../../core/ports/clock.ts';
import type { PrivateKey } from '../../../core/ports/keys.ts';
import { ASSIGNMENT_HEADER, REPLICA_HEADER, replicaProver } from '../../../core/replication/replica-proof.ts';
import { refusal } from '../../support/cell.ts';
import { candidate, reading } from '../../support/events.ts';
import { EDGE_KEY, NOW_SECONDS, publicPart, SECOND_KEY, STRANGERS_KEY } from '../../support/route-tokens.ts';
import { endpointOf, KEYS, tenantCells } from '../../support/tenant-cells.ts';

describe('the replica endpoint', () => {
  const assigned = (changes: Partial<Assignment> = {}): Assignment => {
    const cell = (id: string) => ({ id, endpoint: endpointOf(id), keys: [publicPart(KEYS[id] as PrivateKey)] });
    return {
      ...{ tenant: 'acme', home: cell('home'), standby: cell('standby'), firstEpoch: 1, epoch: 1 },
      issuedAt: NOW_SECONDS as EpochSeconds,
      ...changes,
    };
  };

  const request = async (
    { cell, clock }: ReturnType<typeof tenantCells>,
    {
      assignment = assigned(),
      edge = EDGE_KEY,
      key = KEYS.home as PrivateKey,
      from = 'home',
      to = 'standby',
      body = { tenant: 'acme', events: [toLogDocument('acme', reading())] } as unknown,
      sent = undefined as unknown,
      tenant = 'acme',
      ageSeconds = 0,
      path = 'events',
    } = {},
  ) => {
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    const then = { now: () => (clock.now() - ageSeconds * 1000) as ReturnType<typeof clock.now> };
    const prove = replicaProver(key, from, then);
    return cell('standby').call(`/v1/replica/${path}`, {
      method: 'POST',
      token: null,
      headers: {
        'content-type': 'application/json',
        [ASSIGNMENT_HEADER]: await assignmentSigner(edge)(assignment),
        [REPLICA_HEADER]: await prove({ tenant, to: { id: to, endpoint: endpointOf(to) }, body: bytes }),
      },
      body: JSON.stringify(sent ?? body),
    });
  };

  test('takes what the other cell has signed, under an assignment that the edge has signed', async () => {
    const where = tenantCells();
    expect((await request(where)).body).toEqual({
      ...{ stored: 1, same: 0, kept: 0, replaced: 0, unproven: 0, refused: 0, erased: 0 },
    });
    // It changes no epoch.
    expect(await where.cell('standby').state.get({ partition: 'tenant|acme', id: 'epoch' })).toBeUndefined();
  });

  test.each<[string, string, Parameters<typeof request>[1]]>([
    ['an assignment of another signer', '401 invalid_assignment', { edge: STRANGERS_KEY }],
    ['another cell’s key', '401 invalid_peer', { key: SECOND_KEY }],
    ['a sender that is no cell of the tenant', '401 invalid_peer', { from: 'elsewhere' }],
    ['itself as the sender', '401 invalid_peer', { from: 'standby', key: KEYS.standby as PrivateKey }],
    [
      'a sender whose declared key is none',
      '401 invalid_peer',
      {
        assignment: assigned({
          home: { ...assigned().home, keys: [{ ...publicPart(KEYS.home as PrivateKey), x: 'AAAA' }] },
        }),
      },
    ],
    ['a proof for another cell', '401 invalid_peer', { to: 'home' }],
    ['a proof of another tenant', '401 invalid_peer', { tenant: 'globex' }],
    ['a proof of another body', '401 invalid_peer', { sent: { tenant: 'acme', events: [] } }],
    ['a proof of long ago', '401 invalid_peer', { ageSeconds: 120 }],
    ['a body of another tenant', '400 invalid_body', { body: { tenant: 'globex', events: [] } }],
    [
      'an event of another tenant',
      '400 invalid_body',
      { body: { tenant: 'acme', events: [toLogDocument('globex', reading())] } },
    ],
    [
      'an event under another key',
      '400 invalid_body',
      {
        body: {
          tenant: 'acme',
          events: [{ ...toLogDocument('acme', reading()), id: '2026-11-21T07:41:00!AAAAAAAAAAAAAAAA' }],
        },
      },
    ],
  ])('refuses %s', async (_what, expected, how) => {
    const where = tenantCells();
    expect(refusal(await request(where, how))).toBe(expected);
    expect(await where.log('standby')).toEqual([]);
  });

  test('refuses a cell that a newer assignment does not name, and keys that it has no more', async () => {
    const where = tenantCells();
    await request(where);
    const other = { id: 'third', endpoint: endpointOf('third'), keys: [publicPart(SECOND_KEY)] };
    const newer = assigned({ home: other, firstEpoch: 2 ** 24, epoch: 2 ** 24 });
    expect((await request(where, { assignment: newer, from: 'third', key: SECOND_KEY })).status).toBe(200);
    expect(refusal(await request(where))).toBe('401 invalid_peer');

    const rotated = tenantCells();
    await request(rotated);
    const home = { ...assigned().home, keys: [publicPart(SECOND_KEY)] };
    const later = assigned({ home, issuedAt: (NOW_SECONDS + 1) as EpochSeconds });
    expect((await request(rotated, { assignment: later, key: SECOND_KEY })).status).toBe(200);
    expect(refusal(await request(rotated))).toBe('401 invalid_peer');
  });

  test('refuses an assignment by which the tenant’s data would lie outside of its residency', async () => {
    const where = tenantCells();
    const abroad = (id: 'home' | 'standby', jurisdiction: string) => ({
      ...(assigned()[id] as AssignedCell),
      jurisdiction,
    });
    const sent = async (changes: Partial<Assignment>) => {
      const { body, status } = await request(where, { assignment: assigned(changes) });
      return `${status} ${String(body.code ?? '')}: ${String(body.detail ?? '')}`;
    };
    const [home, standby] = [abroad('home', 'eu'), abroad('standby', 'us')];
    expect(await sent({ home, standby, residency: 'eu' })).toBe(
      '401 invalid_assignment: The assignment is refused: standby lies in us, and the data of acme must stay in eu.',
    );
    expect(await sent({ residency: 'eu' })).toMatch(/^401 .*home lies in no jurisdiction/);
    expect(await sent({ home, standby: abroad('standby', 'eu'), residency: 'eu' })).toMatch(/^200/);
    expect(await sent({ home, standby, residency: 'any' })).toMatch(/^200/);
  });

  test('refuses an assignment that does not name this cell', async () => {
    const where = tenantCells();
    const standby = { ...assigned().home, id: 'elsewhere' };
    expect(refusal(await request(where, { assignment: assigned({ standby }) }))).toBe('421 misdirected');
  });

  test('refuses questions of another form, and answers for no other tenant', async () => {
    const where = tenantCells();
    await where.send('standby', [candidate()]);
    const range = { subject: 'pump-1', count: 0, sum: '0'.repeat(32) };
    const list = { subject: 'pump-1', entries: [] };
    const many = { ...list, entries: Array.from({ length: 501 }, () => ['a', 1, 'b']) };
    const ask = async (content: object) => request(where, { path: 'digests', body: { tenant: 'acme', ...content } });
    for (const content of [
      {},
      { ranges: [{ ...range, subject: '../x' }] },
      { ranges: [{ ...range, after: 1 }] },
      { ranges: [{ ...range, through: 'x'.repeat(5000) }] },
      { ranges: [{ ...range, count: 'all' }] },
      { ranges: Array.from({ length: 21 }, () => range) },
      { ranges: [], list: { subject: 'pump-1', entries: [1] } },
      { ranges: [], list: { subject: 'pump-1', entries: Array.from({ length: 1001 }, () => ['a', 1, 'b']) } },
      { ranges: [], list, further: list },
      { ranges: [], list, further: [{ ...list, subject: '../x' }] },
      { ranges: [], list, further: [null] },
      { ranges: [], list, further: Array.from({ length: 20 }, () => list) },
      { ranges: [], list: many, further: [many] },
    ])
      expect([content, refusal(await ask(content))]).toEqual([content, '400 invalid_body']);
    expect((await ask({ ranges: [range, { ...range, subject: 'pump-2' }] })).body).toEqual({ equal: [false, true] });
    const found = { difference: { missing: 0, different: 0, extra: 1 }, lacking: [] };
    expect((await ask({ ranges: [], list })).body).toEqual({ equal: [], ...found });
    const missing = { ...list, subject: 'pump-2', entries: [['a', 1, 'b']] };
    expect((await ask({ ranges: [], list, further: [missing, list] })).body).toEqual({
      ...{ equal: [], ...found },
      further: [{ difference: { missing: 1, different: 0, extra: 0 }, lacking: ['a'] }, found],
    });
    expect(refusal(await request(where, { path: 'digests', key: SECOND_KEY }))).toBe('401 invalid_peer');
  });

  test('says which effects of a consumer have happened, are parked, erased or neither, and to its other cell alone', async () => {
    const where = tenantCells();
    const standby = where.cell('standby');
    const events = ['a', 'b', 'c', 'd'].map((id) => reading({ id }));
    const [a, b, c] = events.map((event) => ({ subject: event.subject, id: eventKey('acme', event).id }));
    await standby.state.put({ partition: 'claimed|tally|acme|pump-1', id: `claim!${a?.id}`, body: null }, 'any');
    const reason = { code: 'x', message: 'It could not be processed.' };
    await standby.parking.park({ consumer: 'tally', tenant: 'acme', event: events[1], reason });
    const ask = (content: object, more: object = {}) =>
      request(where, { path: 'receipts', body: { tenant: 'acme', consumer: 'tally', ...content }, ...more });
    expect((await ask({ events: [c, b, a] })).body).toEqual({ states: ['unclaimed', 'parked', 'claimed'] });
    expect((await ask({ events: [] })).body).toEqual({ states: [] });
    await tombstones(standby).mark({ tenant: 'acme', subject: 'pump-1', until: '2026-11-22' }, 'e1');
    standby.clock.jump(TOMBSTONE_REMEMBERED_MS);
    expect((await ask({ events: [a, c] })).body).toEqual({ states: ['claimed', 'erased'] });
    expect(refusal(await ask({ events: [a] }, { key: SECOND_KEY }))).toBe('401 invalid_peer');
    expect(refusal(await ask({ events: [a] }, { edge: STRANGERS_KEY }))).toBe('401 invalid_assignment');
    expect(refusal(await ask({ events: [a] }, { sent: { tenant: 'acme', consumer: 'tally', events: [b] } }))).toBe(
      '401 invalid_peer',
    );
  });

  test('takes the other cell’s word for effects that have happened there, and says whose it is', async () => {
    const where = tenantCells();
    const [a, b] = ['a', 'b'].map((id) => ({ subject: 'pump-1', id: eventKey('acme', reading({ id })).id }));
    const tell = (events: unknown[], more: object = {}) =>
      request(where, { path: 'receipts', body: { tenant: 'acme', consumer: 'tally', events, claimed: true }, ...more });
    expect(refusal(await tell([a], { key: SECOND_KEY }))).toBe('401 invalid_peer');
    expect((await tell([a])).body).toEqual({ states: ['claimed'] });
    expect((await tell([a])).body).toEqual({ states: ['claimed'] });
    const body = { tenant: 'acme', consumer: 'tally', events: [a, b] };
    expect((await request(where, { path: 'receipts', body })).body).toEqual({ states: ['claimed', 'unclaimed'] });
    const claim = await where
      .cell('standby')
      .state.get({ partition: 'claimed|tally|acme|pump-1', id: `claim!${a?.id}` });
    expect(claim?.body).toEqual({ from: 'home' });
  });

  test('refuses questions for receipts of another form and of more events than a batch has, and knows nothing of other consumers', async () => {
    const where = tenantCells();
    const own = { subject: 'pump-1', id: eventKey('acme', reading()).id };
    const ask = async (content: object) =>
      refusal(await request(where, { path: 'receipts', body: { tenant: 'acme', consumer: 'tally', ...content } }));
    for (const content of [
      { events: undefined },
      { consumer: 7, events: [own] },
      { events: [1] },
      { events: [{ ...own, subject: '../x' }] },
      { events: [{ ...own, id: 'a|b' }] },
      { events: [{ ...own, id: 'x'.repeat(65) }] },
      { events: Array.from({ length: RECEIPT_LIMITS.events + 1 }, () => own) },
    ])
      expect([content, await ask(content)]).toEqual([content, '400 invalid_body']);
    for (const consumer of ['nobody', 'rollups', 'replicate']) {
      const body = { tenant: 'acme', consumer, events: [own], claimed: true };
      expect((await request(where, { path: 'receipts', body })).body).toEqual({ states: ['unknown'] });
    }
    const many = Array.from({ length: RECEIPT_LIMITS.events }, () => own);
    const answer = await request(where, {
      path: 'receipts',
      body: { tenant: 'acme', consumer: 'tally', events: many },
    });
    expect([answer.status, (answer.body.states as unknown as unknown[]).length]).toEqual([200, RECEIPT_LIMITS.events]);
    expect(JSON.stringify(answer.body).length).toBeLessThan(16 * 1024);
  });
});
