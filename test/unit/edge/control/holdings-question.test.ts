// What the control API hears from a cell that a tenant may leave: asked of a whole cell, over HTTP.

import { routeTokenSigner } from '../../../../core/cell/route-token.ts';
import { holdingsQuestion } from '../../../../core/edge/cells/holdings-question.ts';
import { toLogDocument } from '../../../../core/events/cloud-event.ts';
import { INDEX_LIMITS } from '../../../../core/pipeline/subject-index.ts';
import { testCell } from '../../../support/cell.ts';
import { candidate, reading } from '../../../support/events.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { EDGE_KEY } from '../../../support/route-tokens.ts';

const TARGET = { id: 'cell-1', endpoint: 'https://cell-1.example' };

function asking(fetch: (request: Request) => Promise<Response>) {
  // Its pauses end when it is advanced: an answer is in time.
  return holdingsQuestion({ fetch, clock: new FakeClock(), sign: routeTokenSigner(EDGE_KEY) });
}

function setUp() {
  const cell = testCell();
  return { cell, ...asking(cell.handle) };
}

test('an empty cell says that it is empty, of one tenant and of all: its index is completed for the question', async () => {
  const { cell, heldBy } = setUp();
  expect(await heldBy(TARGET)).toBeNull();
  expect(await heldBy(TARGET, 'acme')).toBeNull();
  // A question adopts no epoch.
  expect(await cell.state.get({ partition: 'tenant|edge', id: 'epoch' })).toBeUndefined();
});

test('a tenant with events holds the cell, and no other tenant does', async () => {
  const { cell, heldBy } = setUp();
  await cell.post([candidate()]);
  expect(await heldBy(TARGET, 'acme')).toBe('it holds events of acme');
  expect(await heldBy(TARGET, 'globex')).toBeNull();
  expect(await heldBy(TARGET)).toBe('it holds events of acme');
});

test('events of a release without an index are found', async () => {
  const { cell, heldBy } = setUp();
  await cell.events.append([toLogDocument('globex', reading())]);
  expect(await heldBy(TARGET, 'globex')).toBe('it holds events of globex');
});

test('a cell whose index is not complete may hold anything', async () => {
  const { cell, heldBy, index } = setUp();
  const many = 3 * INDEX_LIMITS.stepDocuments;
  const documents = Array.from({ length: many }, (_, at) =>
    toLogDocument('acme', reading({ subject: `s${at % 10}`, id: `r-${at}` })),
  );
  await cell.events.append(documents);
  // The ten subjects have as many documents each, and a page of the store in memory ends with a whole one.
  expect(await heldBy(TARGET, 'globex')).toBe('its index of events is not complete (npx polycell cells index cell-1)');
  expect(await index(TARGET)).toMatchObject({ documents: many, done: true });
  expect(await heldBy(TARGET, 'globex')).toBeNull();
});

test('a cell that does not answer, or refuses, may hold anything', async () => {
  const { cell } = setUp();
  const silent = asking(() => Promise.reject(new TypeError('fetch failed')));
  expect(await silent.heldBy(TARGET, 'acme')).toMatch(/^it cannot be asked: /);
  const other = asking(cell.handle);
  expect(await other.heldBy({ ...TARGET, id: 'cell-2' }, 'acme')).toBe(
    'it cannot be asked: it answers 421 misdirected',
  );
  const without = asking(async () => Response.json({ code: 'not_found' }, { status: 404 }));
  expect(await without.heldBy(TARGET, 'acme')).toBe('it cannot be asked: it answers 404 not_found');
});

test('a cell is asked what became of its copies; one of an earlier release keeps none, and what stands before a lost cell says nothing', async () => {
  const { hear } = setUp();
  expect(await hear(TARGET)).toEqual({ ended: 0, sent: 0, waiting: 0, unfinished: 0, next: null });
  const answers = (response: Response) => asking(async () => response).hear(TARGET, 'x');
  expect(await answers(Response.json({ code: 'not_found' }, { status: 404 }))).toEqual({});
  expect(await answers(new Response('<html>', { status: 404 }))).toBe('it cannot be asked: it answers 404');
  expect(await answers(Response.json({ code: 'store_unavailable' }, { status: 503 }))).toBe(
    'it cannot be asked: it answers 503 store_unavailable',
  );
});
