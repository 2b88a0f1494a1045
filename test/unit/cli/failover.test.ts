// Failing a cell back from the command line: it waits while cells are being compared, shows how far that is, and ends with what is missing.
import { RefusedError, UserError } from '../../../cli/command.ts';
import { back } from '../../../cli/commands/failover.ts';
import type { ActionContext } from '../../../cli/directory.ts';
import type { Control } from '../../../cli/edge/edge-client.ts';

const comparison = { startedAt: 1, endedAt: null, tenants: 12, looked: 3, complete: false, behind: 1, missing: 2 };
const refused = (what: string) => new RefusedError(what, 'not_caught_up');

/** What the edge answers to orders and to looks, one after the other. */
function failingBack(orders: (RefusedError | object)[], looks: object[]) {
  const asked: string[] = [];
  const err: string[] = [];
  const out: string[] = [];
  const control = (async (method: string, what: string) => {
    asked.push(`${method} ${what}`);
    const next = (method === 'GET' ? looks : orders).shift();
    if (next instanceof Error) throw next;
    return next;
  }) as Control;
  const context = {
    ...{ control, options: {}, json: false, arguments: ['a'], positionals: ['back', 'a'], commandLine: 'polycell' },
    connection: { where: 'a test', isProtected: false },
    out: (line: string) => out.push(line),
    err: (line: string) => err.push(line),
  } as unknown as ActionContext;
  return { done: back(context), asked, err, out };
}

const DONE = { status: 'applied', revision: 7, changes: [], movedTenants: 12, notes: [] };
const running = { cell: 'a', state: 'comparing', running: comparison, latest: null };
const over = (state: string, endedAt: number) => ({
  cell: 'a',
  state,
  running: null,
  latest: { ...comparison, endedAt },
});

test('it goes back once the comparison that it began has found nothing missing', async () => {
  const { done, asked, err, out } = failingBack(
    [refused('It is not known yet.'), DONE],
    [running, over('caught-up', 5)],
  );
  expect(await done).toBe(0);
  expect(asked).toEqual([
    'POST failovers/a/back',
    'GET failovers/a/comparison',
    'GET failovers/a/comparison',
    'POST failovers/a/back',
  ]);
  expect(err).toContain('The cells of its tenants are being compared: 3 of 12 looked at, 2 events missing so far.');
  expect(out[0]).toMatch(/^Done \(revision 7\)/);
});

test('what is missing then ends the command, and other refusals are not waited for', async () => {
  const behind = over('behind', 5);
  const { done, asked } = failingBack([refused('first'), refused('3 events are missing')], [behind, behind]);
  await expect(done).rejects.toThrow('3 events are missing');
  expect(asked).toHaveLength(4);
  const other = failingBack([new RefusedError('no', 'changed_meanwhile')], []);
  await expect(other.done).rejects.toThrow('no');
  expect(other.asked).toHaveLength(1);
});

test('a monitor that begins anew meanwhile knows of no comparison, and is asked for another one', async () => {
  const unknown = { cell: 'a', state: 'unknown', running: null, latest: null };
  const { done, asked } = failingBack(
    [refused('It is not known yet.'), refused('It is not known yet.'), DONE],
    [running, unknown, over('caught-up', 5)],
  );
  expect(await done).toBe(0);
  expect(asked.filter((each) => each.startsWith('POST'))).toHaveLength(3);
});

test('an edge that does not answer a look is asked again, since the comparison goes on meanwhile', async () => {
  const { done, err } = failingBack(
    [refused('It is not known yet.'), DONE],
    [running, new UserError('The monitor does not answer.'), over('caught-up', 5)],
  );
  expect(await done).toBe(0);
  expect(err).toContain('How far it is is not known: The monitor does not answer.');
});
