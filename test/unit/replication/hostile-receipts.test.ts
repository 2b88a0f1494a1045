// A cell in foreign hands says which effects have happened: of which tenants it may, under which name that is kept, and how little it gets by the rest.
import { type Assignment, assignmentSigner } from '../../../core/cell/assignment.ts';
import { eventKey } from '../../../core/events/cloud-event.ts';
import type { EpochSeconds } from '../../../core/ports/clock.ts';
import type { PrivateKey } from '../../../core/ports/keys.ts';
import { ASSIGNMENT_HEADER, REPLICA_HEADER, replicaProver } from '../../../core/replication/replica-proof.ts';
import { readAll } from '../../contract/store/harness.ts';
import { refusal } from '../../support/cell.ts';
import { candidate, measured, reading } from '../../support/events.ts';
import { receiptCells } from '../../support/receipt-cells.ts';
import { EDGE_KEY, NOW_SECONDS, publicPart } from '../../support/route-tokens.ts';
import { endpointOf, KEYS, tenantCells } from '../../support/tenant-cells.ts';

type Cells = Pick<ReturnType<typeof tenantCells>, 'cell' | 'clock'>;

const keyOf = (id: string): PrivateKey => KEYS[id] as PrivateKey;

/** An assignment of a tenant to two cells, each with its key; those of a later placement are newer. */
function assigned(tenant: string, home: string, standby: string, placement = 1): Assignment {
  const cell = (id: string) => ({ id, endpoint: endpointOf(id), keys: [publicPart(keyOf(id))] });
  const epoch = placement * 2 ** 24;
  return {
    ...{ tenant, home: cell(home), standby: cell(standby), firstEpoch: epoch, epoch },
    issuedAt: NOW_SECONDS as EpochSeconds,
  };
}

/** The document of the event `a` of pump-1 in the log of any tenant. */
const EVENT = { subject: 'pump-1', id: eventKey('acme', reading({ id: 'a' })).id };

interface Claim {
  /** To be signed, or signed already. */
  readonly assignment: Assignment | string;
  /** Who signs the assignment. */
  readonly edge?: PrivateKey;
  /** Whose name the sender uses, and whose key. */
  readonly from: string;
  readonly key?: PrivateKey;
  readonly tenant?: string;
}

/** One that is signed already is of acme. */
const tenantOf = (assignment: Assignment | string): string =>
  typeof assignment === 'string' ? 'acme' : assignment.tenant;

/** Claims at the standby that the effect of an event has happened. */
async function claim(
  { cell, clock }: Cells,
  { assignment, edge = EDGE_KEY, from, key = keyOf(from), tenant = tenantOf(assignment) }: Claim,
) {
  const signed = typeof assignment === 'string' ? assignment : await assignmentSigner(edge)(assignment);
  const body = JSON.stringify({ tenant, consumer: 'tally', events: [EVENT], claimed: true });
  const proof = {
    tenant: tenantOf(assignment),
    to: { id: 'standby', endpoint: endpointOf('standby') },
    body: new TextEncoder().encode(body),
  };
  return cell('standby').call('/v1/replica/receipts', {
    method: 'POST',
    token: null,
    headers: {
      'content-type': 'application/json',
      [ASSIGNMENT_HEADER]: signed,
      [REPLICA_HEADER]: await replicaProver(key, from, clock)(proof),
    },
    body,
  });
}

const claims = async ({ cell }: Cells, tenant: string) =>
  (await readAll(cell('standby').state, `claimed|tally|${tenant}|pump-1`)).map(({ id, body }) => [id, body]);

test('a cell in foreign hands claims nothing of a tenant that is not its own, and nothing by an assignment that is wrong or replaced', async () => {
  const where = tenantCells();
  const acme = assigned('acme', 'home', 'standby', 2);
  // The third cell had the tenant once; the standby has heard since that it has it no more.
  const replaced = assigned('acme', 'third', 'standby', 1);
  expect(refusal(await claim(where, { assignment: acme, from: 'home', tenant: 'globex' }))).toBe('400 invalid_body');
  const own = assigned('globex', 'third', 'standby');
  const attempts: readonly (readonly [string, Claim])[] = [
    ['401 invalid_peer', { assignment: acme, from: 'third' }],
    ['401 invalid_peer', { assignment: acme, from: 'home', key: keyOf('third') }],
    [
      '401 invalid_assignment',
      { assignment: assigned('acme', 'third', 'standby', 3), edge: keyOf('third'), from: 'third' },
    ],
    ['401 invalid_peer', { assignment: replaced, from: 'third' }],
    ['400 invalid_body', { assignment: own, from: 'third', tenant: 'acme' }],
  ];
  for (const [expected, attempt] of attempts) expect(refusal(await claim(where, attempt))).toBe(expected);
  expect(await claims(where, 'acme')).toEqual([]);
  // What it says of its own tenant concerns no other one, though the event has the same key there.
  expect((await claim(where, { assignment: own, from: 'third' })).body).toEqual({ states: ['claimed'] });
  expect([await claims(where, 'acme'), await claims(where, 'globex')]).toEqual([
    [],
    [[`claim!${EVENT.id}`, { from: 'third' }]],
  ]);
});

test('a cell in foreign hands is believed of its own tenant, and whose word that was is kept and logged', async () => {
  const where = receiptCells();
  const { send, copy, turn, total, failOver, down, cell } = where;
  await send(
    'home',
    ['a', 'b'].map((id) => candidate({ id, data: measured('temperature', 1) })),
  );
  await copy('home');
  const assignment = String(await where.assignment());
  expect((await claim(where, { assignment, from: 'home', tenant: 'acme' })).body).toEqual({ states: ['claimed'] });
  down.add('home');
  await failOver();
  await turn('standby');
  // That of `a` does not happen here, as the cell could have had it itself; that of `b` does.
  expect([await total('standby'), await total('home')]).toEqual([1, 0]);
  const found = (await claims(where, 'acme')).filter(([id]) => id !== 'total');
  expect(new Map(found as [string, unknown][])).toEqual(
    new Map<string, unknown>([
      [`claim!${EVENT.id}`, { from: 'home' }],
      [`claim!${eventKey('acme', reading({ id: 'b' })).id}`, null],
    ]),
  );
  expect(cell('standby').log.lines.filter(({ fields }) => fields?.sender !== undefined)).toEqual([
    expect.objectContaining({
      fields: expect.objectContaining({ tenant: 'acme', consumer: 'tally', sender: 'home', events: 1 }),
    }),
  ]);
});
