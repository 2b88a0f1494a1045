// The control API of erasures: what it hands to them, and which changes wait for what was erased.
import type { Erasure, Erasures } from '../../../../core/edge/ports/erasures.ts';
import { PortError } from '../../../../core/ports/errors.ts';
import { IDLE_MOVER, NO_ERASURES, NO_KEYS, OPEN_GATE, OPERATOR, openApi } from '../../../support/control-api.ts';

const erasure: Erasure = {
  ...{ id: 'e-1', tenant: 'acme', subject: 'pump-1', until: '2026-11-21T07:41:02Z', actor: 'ops', reason: 'a test' },
  ...{ orderedAt: 1, state: 'erasing', erasedAt: null, notBefore: 2, problem: null, certificate: null, signed: null },
  cells: { alpha: { step: 'drain', pass: 1, removed: 0, kept: [], notBefore: 2, problem: null } },
};

const why = { reason: 'a test' };

const CELL = {
  ...{ cloud: 'aws', region: 'eu', jurisdiction: 'eu', endpoint: 'https://alpha.example', capacity: 9, price: 1 },
  failover: 'automatic',
};

/** The API before erasures that note what they are asked. */
function before(over: Partial<Erasures> = {}) {
  const asked: unknown[] = [];
  const noting =
    <T>(name: string, answer: T) =>
    async (...call: unknown[]) => {
      asked.push([name, ...call]);
      return answer;
    };
  const api = openApi({}, undefined, undefined, IDLE_MOVER, NO_KEYS, OPEN_GATE, {
    erase: noting('erase', { value: erasure }),
    erasure: async (id) => (id === 'e-1' ? erasure : null),
    erasures: noting('list', { items: [erasure], next: null }),
    bringErasures: noting('bring', { value: 1 }),
    cellErasures: async () => ({ erasures: 2, unmarked: 1 }),
    replayErasures: noting('replay', { erasures: 2, unmarked: 2 }),
    ...over,
  });
  return { ...api, asked };
}

test('an erasure is ordered, previewed, listed and shown, in the name of the operator', async () => {
  const { call, asked } = before();
  const fields = { subject: 'pump-1', until: '2026-11-21T07:41:02Z', ...why };
  expect((await call('POST', 'tenants/acme/erase', fields)).body).toEqual(erasure);
  await call('POST', 'tenants/acme/erase?dryRun=1', why);
  expect((await call('GET', 'erasures?tenant=acme&limit=5')).body).toEqual({ items: [erasure], next: null });
  expect((await call('GET', 'erasures/e-1')).body).toEqual(erasure);
  const actor = 'ops@example.com';
  expect(asked).toEqual([
    ['erase', { tenant: 'acme', ...fields, actor }, false],
    ['erase', { tenant: 'acme', subject: null, actor, ...why }, true],
    ['list', { tenant: 'acme', limit: 5, cursor: undefined }],
  ]);
});

test('it needs a scope of its own, and faults of the request do not get further', async () => {
  const { call, refused, asked } = before({
    erase: async () => ({ refused: 'erasure_under_way', detail: 'It is.' }),
  });
  const operator = { ...OPERATOR, scopes: ['control.read', 'control.write', 'control.endpoints'] };
  for (const path of ['tenants/acme/erase', 'cells/alpha/erasures'])
    expect((await call('POST', path, why, { operator })).body.code).toBe('missing_scope');
  expect(await refused('POST', 'tenants/acme/erase', { subject: 'a|b', ...why })).toBe('400 invalid_body');
  expect(await refused('POST', 'tenants/acme/erase', { until: 'now', ...why })).toBe('400 invalid_body');
  expect(await refused('POST', 'tenants/acme/erase', { subjects: 'a', ...why })).toBe('400 invalid_body');
  expect(await refused('POST', 'tenants/acme/erase', {})).toBe('400 invalid_body');
  expect(await refused('POST', 'tenants/acme/erase', why)).toBe('409 erasure_under_way');
  expect(await refused('GET', 'erasures/e-2')).toBe('404 unknown_erasure');
  expect(await refused('POST', 'cells/alpha/erasures', why)).toBe('404 unknown_cell');
  expect(asked).toEqual([]);
});

test('a cell that gets a tenant knows first what was erased of it, or does not get it', async () => {
  const { call, asked } = before();
  await call('PUT', 'cells/alpha', { ...CELL, ...why });
  expect((await call('PUT', 'tenants/acme', { residency: 'any', tier: 'standard', ...why })).status).toBe(200);
  expect(asked).toEqual([
    ['list', { limit: 1, tenant: 'acme' }],
    ['bring', 'acme', ['alpha']],
  ]);
  const other = before({ bringErasures: async () => ({ refused: 'cell_unavailable', detail: 'alpha is away.' }) });
  await other.call('PUT', 'cells/alpha', { ...CELL, ...why });
  expect(await other.refused('PUT', 'tenants/acme', { residency: 'any', tier: 'standard', ...why })).toBe(
    '503 cell_unavailable',
  );
  expect((await other.call('GET', 'tenants')).body.items).toEqual([]);
});

test('a cell is not failed back before it knows what was erased, and may be made to erase again', async () => {
  const { call, refused, asked } = before();
  await call('PUT', 'cells/alpha', { ...CELL, ...why });
  await call('POST', 'failovers', { cell: 'alpha', ...why });
  expect(await refused('POST', 'failovers/alpha/back', why)).toBe('409 erasure_under_way');
  expect((await call('GET', 'cells/alpha/erasures')).body).toEqual({ erasures: 2, unmarked: 1 });
  expect((await call('POST', 'cells/alpha/erasures', why)).body).toEqual({ erasures: 2, unmarked: 2 });
  expect(asked).toEqual([['replay', 'alpha']]);
  const known = before({ cellErasures: NO_ERASURES.cellErasures });
  await known.call('PUT', 'cells/alpha', { ...CELL, ...why });
  await known.call('POST', 'failovers', { cell: 'alpha', ...why });
  expect((await known.call('POST', 'failovers/alpha/back', why)).status).toBe(200);
});

test('without an answer, what was ordered may have been noted', async () => {
  const away = () => Promise.reject(new PortError('unavailable', 'It has not answered.'));
  const { refused } = before({ erase: away, erasures: away, erasure: away });
  for (const [method, path, body] of [
    ['POST', 'tenants/acme/erase', why],
    ['GET', 'erasures', undefined],
    ['GET', 'erasures/e-1', undefined],
    ['PUT', 'tenants/acme', { residency: 'any', tier: 'standard', ...why }],
  ] as const)
    expect(await refused(method, path, body)).toBe('503 mover_unavailable');
});
