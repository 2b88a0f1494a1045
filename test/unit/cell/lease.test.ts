// Questions for leases: who is believed, for how long, and what a question must say.
import { identityProver } from '../../../core/cell/identity-proof.ts';
import { askingCell, LEASE, LEASE_QUESTION, leaseAsker, leaseLeft, readQuestion } from '../../../core/cell/lease.ts';
import { START } from '../../support/fake-clock.ts';
import { base64Url, CELL_KEY, EDGE_KEY, publicPart, signed } from '../../support/route-tokens.ts';

const KEYS = [publicPart(CELL_KEY)];
const ask = leaseAsker(CELL_KEY, 'aws-alpha');
const header = { alg: 'EdDSA', typ: 'polycell-lease', kid: CELL_KEY.kid };
const of = (payload: unknown, head: object = header, key = CELL_KEY) =>
  signed(base64Url(JSON.stringify(head)), base64Url(JSON.stringify(payload)), key);

test('a question is read as it was asked', async () => {
  const question = await ask(['acme', 'globex'], START);
  expect(await readQuestion(question, KEYS, START + 5)).toEqual({
    cell: 'aws-alpha',
    tenants: ['acme', 'globex'],
    askedAt: START,
  });
  expect(askingCell(question)).toBe('aws-alpha');
});

test('a question is as large as a hundred of the longest names make it', async () => {
  const tenants = Array.from({ length: LEASE.tenants }, (_, index) => `${index}`.padStart(63, 'x'));
  const question = await ask(tenants, START);
  expect(question.length).toBeLessThan(LEASE_QUESTION.bytes);
  expect(await readQuestion(question, KEYS, START)).toMatchObject({ tenants });
});

test('it counts for 30 s before and after, by the clock of the reader', async () => {
  const question = await ask(['acme'], START);
  for (const [late, isRead] of [
    [LEASE_QUESTION.lifeMs, true],
    [LEASE_QUESTION.lifeMs + 1, false],
    [-LEASE_QUESTION.lifeMs, true],
    [-LEASE_QUESTION.lifeMs - 1, false],
  ] as const)
    expect('fault' in (await readQuestion(question, KEYS, START + late))).toBe(!isRead);
});

const payload = { cel: 'aws-alpha', ten: ['acme'], iat: START };

test.each<[string, string, string]>([
  ['another key', of(payload, { ...header, kid: EDGE_KEY.kid }, EDGE_KEY), 'its key is not known here'],
  ['another key under the same name', of(payload, header, EDGE_KEY), 'its signature is wrong'],
  ['another type', of(payload, { ...header, typ: 'polycell-identity' }), 'its header is not that'],
  ['no tenants', of({ ...payload, ten: [] }), 'it must name'],
  ['too many tenants', of({ ...payload, ten: Array.from({ length: LEASE.tenants + 1 }, () => 'a') }), 'it must name'],
  ['a name that is none', of({ ...payload, ten: ['Acme'] }), 'it must name'],
  ['no time', of({ ...payload, iat: 'now' }), 'it must name'],
  ['no payload', of('text'), 'it has no payload'],
  ['no question at all', 'x'.repeat(LEASE_QUESTION.bytes), 'it is no compact JWS'],
])('%s is refused', async (_, question, fault) => {
  expect(await readQuestion(question, KEYS, START)).toEqual({ fault: expect.stringContaining(fault) });
});

test('a proof of identity is no question, and a text that is none names no cell', async () => {
  const proof = await identityProver(CELL_KEY, 'aws-alpha', ['https://a.example'], [])('0'.repeat(32));
  expect(await readQuestion(proof, KEYS, START)).toHaveProperty('fault');
  expect(['', 'a.b.c', '..', of({ cel: 'No Name' })].map(askingCell)).toEqual(Array(4).fill(undefined));
});

test('a lease counts from the question, and a clock that was set back ends it', () => {
  expect([0, 1, LEASE.durationMs].map((later) => leaseLeft(START, START + later))).toEqual([
    LEASE.durationMs,
    LEASE.durationMs - 1,
    0,
  ]);
  expect(leaseLeft(START, START - 1)).toBe(0);
});
