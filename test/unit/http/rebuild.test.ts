// The form of requests to derive state again; what they do is tried in core/domains/telemetry/test/rebuild.test.ts.
import { refusal, testCell } from '../../support/cell.ts';

test('requests are held to their form', async () => {
  const cell = testCell();
  const call = async (body: unknown, scopes = ['operate']) =>
    refusal(await cell.call('/v1/rebuild', { method: 'POST', body, token: { claims: { scp: scopes } } }));
  expect(await call({ consumer: 'nobody' })).toBe('400 unknown_consumer');
  expect(await call({ consumer: 'relay' })).toBe('400 unknown_consumer');
  expect(await call({})).toBe('400 invalid_body');
  expect(await call({ consumer: 'rollups', form: '2026-11-21T07:41:00Z' })).toBe('400 invalid_body');
  expect(await call({ consumer: 'rollups', from: 'yesterday' })).toBe('400 invalid_body');
  expect(await call({ consumer: 'rollups' }, ['read'])).toBe('403 missing_scope');
});
