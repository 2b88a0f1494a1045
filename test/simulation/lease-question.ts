// How a simulated cell asks the directory for its leases, and what mutants of it believe that they should not.
import type { AskForLeases } from '../../core/cell/lease-keeper.ts';
import type { Directory } from '../../core/edge/ports/directory.ts';
import type { Scheduler } from './scheduler.ts';
import { type CellId, keyOf, type Mutant } from './setting.ts';

/** A route token that is as old as this renews nothing any more, with the mutant of which it renews anything. */
const RENEWAL_MS = 10_000;

/** Returns the question of a cell. `served` says when a cell last served a tenant, by `<cell> <tenant>`. */
export function leaseQuestion(
  id: CellId,
  directory: Pick<Directory, 'lease'>,
  served: ReadonlyMap<string, number>,
  scheduler: Scheduler,
  mutant: Mutant | undefined,
): AskForLeases {
  const granted = new Set<string>();
  return async (tenants) => {
    const isServed = (tenant: string) => scheduler.now - (served.get(`${id} ${tenant}`) ?? 0) < RENEWAL_MS;
    if (mutant === 'tokens-renew' && tenants.every((each) => granted.has(each) && isServed(each)))
      return { answers: Object.fromEntries(tenants.map((tenant) => [tenant, 'granted'])) };
    try {
      const outcome = await directory.lease({ cell: id, key: keyOf(id), tenants });
      if (outcome.status === 'refused') return { problem: 'refused' };
      const answers = Object.entries(outcome.answers).map(
        ([tenant, said]) => [tenant, mutant === 'no-wait' && said === 'waits' ? 'granted' : said] as const,
      );
      for (const [tenant, said] of answers) if (said === 'granted') granted.add(tenant);
      return { answers: Object.fromEntries(answers) };
    } catch (error) {
      return { problem: String(error) };
    }
  };
}
