// The drill `hostile-administrator`: with everything that one cell has in hand, deleting and rewriting the other cell's copy is tried.
import { isDeepStrictEqual } from 'node:util';
import type { Cell } from '../../core/edge/ports/directory-model.ts';
import { UserError } from '../command.ts';
import type { StackClient } from '../stack-client.ts';
import type { EdgeControl } from './control.ts';
import { COPY_LIMITS, type Pair, pushAll, untilEqual } from './copies.ts';
import { type Asking, ask, asking } from './count.ts';
import type { DataDrillOptions } from './data-kind.ts';
import { type Attempt, type DataMeasured, judgeData } from './data-verdict.ts';
import { type Enemy, type Logged, tryEverything } from './hostile-attempts.ts';
import { sourceOf, subjectOf } from './load.ts';
import { type DataReport, type Moment, TIMELINE_LENGTH } from './report.ts';
import { countableDomain } from './scene.ts';
import type { DrillTenant, DrillTenants } from './tenants.ts';
import { outcomeOf } from './verdict.ts';
import { until, untilAssigned } from './watch.ts';

/** Events of each tenant: every attempt has one of its own. */
const EVENTS = 20;

/** Copies of new events are in the other cell within this, in milliseconds. */
const COPIED_WITHIN_MS = 120_000;

interface Place {
  readonly stack: StackClient;
  readonly edge: string;
  readonly control: EdgeControl;
  readonly tenants: DrillTenants;
  readonly cell: Cell;
  readonly other: Cell;
}

/** All events of a tenant in a cell, as its log has them, by their keys. */
async function logOf(reading: Asking, cell: string, tenant: string): Promise<ReadonlyMap<string, Logged>> {
  const page = await ask<{ items: readonly Logged[] }>(reading, { id: cell }, tenant, '/v1/log?limit=1000');
  return new Map((page?.items ?? []).map((item) => [item.key, item]));
}

/** Tries everything from each of the two cells against the other one; each is the home of one tenant and the standby of another. */
export async function hostileAdministrator(place: Place, options: DataDrillOptions): Promise<DataReport> {
  const { stack, edge, control, tenants: drillTenants, cell, other } = place;
  const { say, signal } = options;
  const began = performance.now();
  const startedAt = new Date().toISOString();
  const timeline: Moment[] = [];
  const note = (what: string) => {
    if (timeline.length < TIMELINE_LENGTH) timeline.push({ atMs: Math.round(performance.now() - began), what });
    say(what);
  };
  const run = Date.now().toString(36);
  const domain = countableDomain();
  const reading = asking({ stack, run, tally: domain.tally, progress: note, signal });
  const homes = [cell, other].map(({ id }, index): DrillTenant => {
    return { id: `drill-${id}-${run}`, home: id, standby: [other, cell][index]?.id };
  });
  await drillTenants.make(homes);
  await untilAssigned(stack, homes, signal);

  for (const { id } of homes) {
    const target = await stack.target(id, undefined);
    const events = Array.from({ length: EVENTS }, (_, number) => ({
      ...domain.sample(0, number),
      ...{ specversion: '1.0', source: sourceOf(run), id: `e${number}`, subject: subjectOf(run) },
      time: new Date(Date.now() - 1000 * number).toISOString(),
    }));
    const response = await target.call('ingest', '/v1/events', {
      method: 'POST',
      body: JSON.stringify(events),
      headers: { 'content-type': 'application/cloudevents-batch+json' },
    });
    if (response.status !== 202)
      throw new UserError(`The edge does not take the events of the drill: ${response.status}.`);
    await response.body?.cancel();
  }
  const isCopied = await until(
    async () => {
      for (const { id, standby = '' } of homes) if ((await logOf(reading, standby, id)).size < EVENTS) return false;
      return true;
    },
    COPIED_WITHIN_MS,
    signal,
  );
  if (!isCopied) throw new UserError('The events have not come to the standbys: see npx polycell replicas status.');
  note(`${EVENTS} events of each tenant are in both cells`);

  const attempts: Attempt[] = [];
  const victims = { events: 0, deleted: 0, rewritten: 0 };
  const facts: { what: string; value: string }[] = [];
  const pairs: Pair[] = homes.map(({ id, home, standby = '' }) => ({ tenant: id, home, standby }));
  for (const [hostile, victim] of [
    [cell, other],
    [other, cell],
  ] as const)
    for (const pair of pairs) {
      const { tenant } = pair;
      const before = await logOf(reading, victim.id, tenant);
      const { identityKey, assignment } = await stack.administrator(hostile.id, tenant);
      if (assignment === null) throw new UserError(`${hostile.id} holds no assignment of ${tenant}.`);
      const enemy: Enemy = {
        ...{ edge, hostile: hostile.id, identityKey, assignment, signal },
        ...{ victim: { id: victim.id, endpoint: victim.endpoint }, tenant, isHome: pair.home === hostile.id },
        events: [...before.values()],
        elsewhere: pairs.find((each) => each.tenant !== tenant)?.tenant ?? '',
      };
      const tried = await tryEverything(enemy);
      attempts.push(...tried);
      note(`${hostile.id} has tried ${tried.length} things against the copy of ${tenant} in ${victim.id}`);
      const deleted = await stack.loseEvents(hostile.id, tenant, subjectOf(run));
      // What a comparison between the cells would carry over, if anything did: both ways.
      await pushAll(control, { ...pair, home: hostile.id, standby: victim.id }, signal);
      const after = await logOf(reading, victim.id, tenant);
      const gone = [...before.keys()].filter((key) => !after.has(key)).length;
      const changed = [...before].filter(([key, item]) => after.has(key) && !isDeepStrictEqual(after.get(key), item));
      const what = `deleted all ${deleted} events of its own store, and sent what is left`;
      attempts.push({
        ...{ from: `${hostile.id}, the ${enemy.isHome ? 'home' : 'standby'}`, at: victim.id, what },
        answer: `${after.size} events are there, ${gone} are gone`,
        outcome: gone === 0 && deleted >= EVENTS ? 'held' : 'BROKEN',
      });
      victims.events += before.size;
      victims.deleted += gone;
      victims.rewritten += changed.length;
      await pushAll(control, { ...pair, home: victim.id, standby: hostile.id }, signal);
      const left = await untilEqual(control, [pair], COPY_LIMITS.equalWithinMs, signal);
      note(
        left === 0 ? `${victim.id} has given ${hostile.id} its copy back` : `${left} events of ${tenant} still differ`,
      );
      facts.push({ what: `events of ${tenant} that differ after ${victim.id} has sent its copy`, value: String(left) });
    }
  const measured: DataMeasured = {
    kind: 'hostile-administrator',
    // There is no load, so there is nothing that could be inconclusive.
    baseline: { requests: 1, failed: 0, unsent: 0, missedProbes: [] },
    ...{ attempts, victims, facts },
  };
  const targets = judgeData(measured);
  const outcome = outcomeOf(targets, measured.baseline);
  return {
    ...{ drill: 'hostile-administrator', cell: `${cell.id} and ${other.id}`, startedAt, rate: 0 },
    ...{ seconds: Math.round((performance.now() - began) / 1000), tenants: homes.length },
    ...{ outcome, passed: outcome === 'passed', targets, timeline, phases: {}, lines: [], measured },
  };
}
