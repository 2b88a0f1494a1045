// Waits until the cells of tenants know of each other: what a cell accepts before is not sent on as it comes, but by a push in the next minutes.
import { eventually } from '../support/eventually.ts';

/** @param at runs a command of the CLI against the stack */
export const assigned = (at: (...args: string[]) => Promise<{ readonly out: string }>, tenants: readonly string[]) =>
  eventually(async () => {
    const { fencing } = JSON.parse((await at('status', '--json')).out) as {
      fencing: { jobs: readonly { of: string; state: string }[] };
    };
    const done = fencing.jobs.filter(({ state }) => state === 'done').map(({ of }) => of);
    expect(done).toEqual(expect.arrayContaining(tenants.map((tenant) => `tenant ${tenant}`)));
  });
