// The drill `failback-union`: a cell is failed over and back under load, and what both cells have accepted is one log at each stage.
import { sleep } from '../../hosts/processes/wait.ts';
import type { Kind } from './data-kind.ts';
import { goHome, RETURN_WITHIN_MS } from './go-home.ts';
import { seconds } from './verdict.ts';
import { until } from './watch.ts';

/** The failback is allowed within this, in milliseconds, or done with force, which misses a target. */
const ALLOWED_WITHIN_MS = 300_000;

export const failbackUnion: Kind = {
  isHome: true,
  isPaired: true,
  // All of its tenants are failed over with it.
  without: () => 'cell',
  phases: { before: 'before', fault: 'at the standby', after: 'home again' },

  async carryOut(act) {
    const { control, scene, options, cell, other, tenants, note, signal } = act;
    await act.look('before the failover');
    const isServedBy = (id: string) =>
      until(async () => scene.record.isServedBy(id, tenants), RETURN_WITHIN_MS, signal);
    act.phase('fault');
    act.finally(async () => {
      const known = await control.cells();
      if (known.some(({ id, state }) => id === cell.id && state === 'down')) await control.failBack(cell.id, true);
    });
    const orderedAt = scene.load.elapsed;
    await control.failOver(cell.id);
    note(`${cell.id} is failed over by an operator; it still runs`, { text: 'failover', edge: 'begin' });
    const isThere = await isServedBy(other.id);
    note(isThere ? `every tenant is served by ${other.id}` : `some tenants are not served by ${other.id}`);
    if (isThere) act.fact(`until every tenant was served by ${other.id}`, seconds(scene.load.elapsed - orderedAt));
    await sleep(options.seconds * 1000, signal);
    signal.throwIfAborted();
    await act.look('at the standby');
    const backAt = scene.load.elapsed;
    const failback = await goHome(control, cell.id, note, signal, ALLOWED_WITHIN_MS);
    act.fact('until the failback was allowed and done', seconds(scene.load.elapsed - backAt));
    const isHome = await isServedBy(cell.id);
    note(isHome ? 'every tenant is served at home again' : 'some tenants are not served at home', {
      text: 'home',
      edge: 'end',
    });
    act.phase('after');
    await act.look('home again');
    return { failback };
  },
};
