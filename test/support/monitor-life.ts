// A failure detector's life in a test: a second a round, with a letter for what each cell's probe came to.
import type { ProbeResult } from '../../core/cell/health-probe.ts';
import {
  decide,
  EMPTY_MEMORY,
  type MonitorMemory,
  restored,
  settle,
  worthSaving,
} from '../../core/edge/monitor/failure-detector.ts';
import type { Cell, CellState, DirectoryOutcome, FailoverPolicy } from '../../core/edge/ports/directory-model.ts';
import { epochMs } from '../../core/ports/clock.ts';
import { START } from './fake-clock.ts';

export const settings = {
  intervalMs: 1000,
  urgentMs: 500,
  timeoutMs: 800,
  failures: 3,
  silenceMs: 2000,
  window: 8,
  recoveries: 3,
  graceMs: 5000,
};

export const cell = (id: string, more: Partial<Cell> = {}): Cell => ({
  id,
  cloud: 'aws',
  region: 'r1',
  jurisdiction: 'eu',
  endpoint: `https://${id}.example`,
  capacity: 10,
  price: 1,
  failover: 'automatic',
  state: 'active',
  switches: 0,
  revision: 1,
  ...more,
});

type Found = Omit<ProbeResult, 'sentAt'>;
const ALIVE: Found = { answer: 'alive', detail: 'ok', tookMs: 3 };
const DEGRADED: Found = { answer: 'alive', detail: 'degraded', tookMs: 3 };
const DEAD: Found = { answer: 'refused', detail: 'ECONNREFUSED', tookMs: 1 };
const VOID: Found = { answer: 'void', detail: 'inconclusive: the observer was too busy', tookMs: 2000 };
export const APPLIED: DirectoryOutcome = { status: 'applied', revision: 2, changes: [], movedTenants: 7, notes: [] };
export const REFUSED: DirectoryOutcome = {
  status: 'refused',
  code: 'standby_unavailable',
  detail: 'Its standby is down.',
};

/** A monitor's life, a second a round; `probes` has a letter for each cell: `.` alive, `d` degraded, `x` dead, `?` void, ` ` not probed. */
export function life(cells: readonly Cell[]) {
  let memory: MonitorMemory = EMPTY_MEMORY;
  let now = START;
  const current = new Map(cells.map((each) => [each.id, each]));
  const notices: string[] = [];
  /** `views`: `witness sees about`, with `+` or `-` between them. */
  const round = (probes: string, ...views: readonly string[]) => {
    const results = new Map<string, ProbeResult[]>();
    for (const [index, id] of [...current.keys()].entries()) {
      const found = ({ '.': ALIVE, d: DEGRADED, x: DEAD, '?': VOID } as Record<string, Found>)[probes[index] ?? ' '];
      if (found !== undefined) results.set(id, [{ ...found, sentAt: epochMs(now) }]);
    }
    const seen = views.map((view) => {
      const [, witness = '', sign, about = ''] = /^(.+)([+-])(.+)$/.exec(view) ?? [];
      return { witness, about, reached: sign === '+', detail: '', at: epochMs(now) };
    });
    const decision = decide(memory, [...current.values()], { results, views: seen }, epochMs(now), settings);
    memory = decision.memory;
    notices.push(...decision.notices.map((each) => `${each.level} ${each.cell ?? '-'} ${each.message}`));
    now += settings.intervalMs;
    return decision.orders.map((order) => `${order.cell}${order.previewFirst ? ' preview' : ''}`);
  };
  return {
    notices,
    round,
    /** Several rounds of one cell. */
    rounds: (probes: string) => [...probes].map((each) => round(each).join()),
    set: (id: string, state: CellState) => {
      const before = current.get(id);
      if (before !== undefined) current.set(id, { ...before, state, switches: before.switches + 1 });
    },
    settle: (id: string, outcome: DirectoryOutcome) => {
      const settled = settle(memory, id, outcome, epochMs(now), settings);
      memory = settled.memory;
      notices.push(...settled.notices.map((each) => `${each.level} ${each.cell ?? '-'} ${each.message}`));
      if (outcome.status === 'applied') {
        const before = current.get(id);
        if (before !== undefined) current.set(id, { ...before, state: 'down', switches: before.switches + 1 });
      }
    },
    restart: () => {
      memory = restored(JSON.parse(JSON.stringify(worthSaving(memory))));
    },
    pause: (milliseconds: number) => {
      now += milliseconds;
    },
    /** Takes an answer in that has come late. */
    late: (id: string, sentAgoMs: number) => {
      const result = { ...ALIVE, sentAt: epochMs(now - sentAgoMs), tookMs: sentAgoMs };
      const findings = { results: new Map([[id, [result]]]), views: [] };
      const decision = decide(memory, [...current.values()], findings, epochMs(now), settings);
      memory = decision.memory;
      return decision.orders.map(({ cell: ordered }) => ordered);
    },
    of: (id: string) => memory.cells.get(id),
    size: () => memory.cells.size,
  };
}

/** Cell a beside one that answers. */
export const pair = () => {
  const monitor = two();
  return { ...monitor, rounds2: (probes: string) => [...probes].flatMap((each) => monitor.round(`${each}.`)) };
};

export const two = (failover: FailoverPolicy = 'automatic') => life([cell('a', { failover }), cell('b')]);
