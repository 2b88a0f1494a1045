// How fast events move in and between the cells of a running stack, and what a trace says of none.
import { eventually } from '../support/eventually.ts';

export interface PaceDeps {
  /** Runs a command of the CLI against the stack. */
  readonly at: (
    ...args: string[]
  ) => Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** Sends an event of acme or globex. */
  readonly post: (tenant: string, id: string) => Promise<Response>;
  /** Their homes. */
  readonly homes: readonly string[];
}

/** Declares the tests for a running stack; returns how many events they have sent for each of the two tenants. */
export function paceSuite({ at, post, homes }: PaceDeps): () => number {
  let sent = 0;
  test('of each home with a standby it is known how long events take, to the state and to the standby, and what the RPO is', async () => {
    const known = { stateMs: expect.any(Number), lagMs: expect.any(Number), rpoMs: expect.any(Number), rpoUnknown: 0 };
    await eventually(async () => {
      // What a cell has measured counts for two minutes, and not all of it may be known by then.
      for (const tenant of ['acme', 'globex']) expect((await post(tenant, `paced-${tenant}-${sent}`)).status).toBe(202);
      sent += 1;
      const { cells } = JSON.parse((await at('status', '--json')).out) as { cells: { id: string; pace: object }[] };
      const paces = cells.map(({ id, pace }) => [id, pace]);
      expect(paces).toEqual(expect.arrayContaining(homes.map((id) => [id, expect.objectContaining(known)])));
    });
  });

  test('an event that is nowhere has no trace, and the command says why', async () => {
    expect(await at('trace', 'nowhere')).toEqual({
      code: 1,
      out: '',
      err: 'There is no trace of the event "nowhere": it was not sent to this stack, or too long ago; the stack keeps the newest 5,000 traces.\n',
    });
  });
  return () => sent;
}
