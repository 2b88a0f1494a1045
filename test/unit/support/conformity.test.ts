// The check of answers against the OpenAPI document: what contradicts it is found.
import { openApiDocument } from '../../../core/http/openapi.ts';
import { answerCheck, type CheckedAnswer, conforming } from '../../support/conformity.ts';
import { METERS } from '../../support/meters.ts';

const check = answerCheck(openApiDocument(METERS));

const faults = (changes: Partial<CheckedAnswer>, body?: unknown) =>
  check({
    method: 'GET',
    path: '/v1/devices/pump-1',
    status: 200,
    contentType: 'application/json',
    body: JSON.stringify(body ?? { id: 'pump-1', readings: 1 }),
    ...changes,
  });

test('answers as the document has them, and paths that it does not have', () => {
  expect(faults({})).toEqual([]);
  expect(faults({ path: '/v1/nothing', status: 404, contentType: 'application/problem+json' })).toEqual([]);
  expect(faults({ method: 'POST', path: '/v1/fence', status: 204, contentType: null, body: '' })).toEqual([]);
});

const PROBLEM = { type: 't', title: 't', status: 404, detail: 'd', code: 'unknown_device', errors: [] };
const problem = { status: 404, contentType: 'application/problem+json' };

test.each([
  ['a member of another type', {}, { id: 'pump-1', readings: '1' }, 'must be integer'],
  ['a member that is missing', {}, { id: 'pump-1' }, "must have required property 'readings'"],
  [
    'a member that the document does not have',
    {},
    { id: 'p', readings: 1, x: 1 },
    'must NOT have additional properties',
  ],
  ['an item of a page', { path: '/v1/devices' }, { items: [{ id: 1 }], next: null }, '/items/0/id must be string'],
  ['null where it is not allowed', {}, { id: null, readings: 1 }, 'must be string'],
  ['another success', { status: 201 }, undefined, 'the document has no such answer'],
  ['another type of content', { contentType: 'text/html' }, undefined, 'no answer of type text/html'],
  ['a body where there is none', { method: 'POST', path: '/v1/fence', status: 204 }, undefined, 'has no body'],
  ['a problem without a detail', problem, { ...PROBLEM, detail: undefined }, "required property 'detail'"],
  ['a problem that is not in the list', problem, { ...PROBLEM, code: 'other' }, 'must be equal to one of'],
])('%s is found', (_what, changes, body, fault) => {
  expect(faults(changes, body).join('\n')).toContain(fault);
});

test('a problem of the list is in order', () => {
  expect(faults(problem, PROBLEM)).toEqual([]);
});

describe('an answer over HTTP', () => {
  const url = 'http://127.0.0.1/v1/devices?limit=1';
  const answer = (body: unknown, headers: Record<string, string> = { 'x-polycell-cell': 'aws-alpha' }) =>
    conforming(url, {}, Response.json(body, { headers }));

  test('is returned with its body unread', async () => {
    expect(await (await answer({ items: [], next: null })).json()).toEqual({ items: [], next: null });
  });

  test('is refused if it contradicts the document', async () => {
    await expect(answer({ items: [] })).rejects.toThrow("GET /v1/devices 200:  must have required property 'next'");
  });

  test('is not checked if a platform gave it', async () => {
    expect((await answer({ message: 'Service Unavailable' }, {})).status).toBe(200);
  });
});
