// Cells and a directory in memory under the monitor's eyes: its rounds come as alarms would set them off.

import { healthProbe } from '../../core/cell/health-probe.ts';
import { routeTokenSigner } from '../../core/cell/route-token.ts';
import { fenceRequest } from '../../core/edge/monitor/fence-request.ts';
import { createFencing } from '../../core/edge/monitor/fencing.ts';
import { measureQuestion } from '../../core/edge/monitor/measure-question.ts';
import { createMonitor } from '../../core/edge/monitor/monitor.ts';
import { MONITOR_LOCALLY } from '../../core/edge/monitor/monitor-settings.ts';
import { OBJECTIVE_DEFAULTS } from '../../core/edge/monitor/objectives.ts';
import { createOverview, type Overview } from '../../core/edge/monitor/overview.ts';
import { peerQuestion } from '../../core/edge/monitor/peer-question.ts';
import { createProber } from '../../core/edge/monitor/prober.ts';
import { replicaWatch } from '../../core/edge/monitor/replica-watch.ts';
import type { CellDefinition } from '../../core/edge/ports/directory-model.ts';
import type { TrafficReport } from '../../core/edge/ports/traffic.ts';
import { PortError } from '../../core/ports/errors.ts';
import { testCloudOn } from './cloud.ts';
import { FakeClock } from './fake-clock.ts';
import { countingIds } from './ids.ts';
import { MemoryMonitorStorage } from './monitor-storage.ts';
import { RecordingLog } from './recording-log.ts';
import { EDGE_KEY } from './route-tokens.ts';

const settings = { ...MONITOR_LOCALLY, timeoutMs: 800 };
const sign = routeTokenSigner(EDGE_KEY);

/** The cells, watched by a monitor with the settings of a local run. */
export async function watched(...definitions: readonly CellDefinition[]) {
  const clock = new FakeClock();
  const cloud = testCloudOn(
    () => clock,
    definitions.map(({ id }) => id),
  );
  for (const cell of definitions) {
    const { id, endpoint, keys } = cell;
    const proof = keys && { proof: { cell: id, endpoint, keys } };
    await cloud.directory.change({ kind: 'add-cell', cell }, { actor: 'operator', reason: 'a test', ...proof });
  }
  const log = new RecordingLog();
  const storage = new MemoryMonitorStorage();
  const ids = countingIds();
  const asking = { fetch: cloud.fetch, clock };
  let away = false;
  const directory = {
    ...cloud.directory,
    cells: async () => {
      if (away) throw new PortError('unavailable', 'The directory is away.');
      return cloud.directory.cells();
    },
  };
  const replication = replicaWatch({ directory: cloud.directory, clock });
  let generation = 0;
  let keeper: ReturnType<typeof createOverview>;
  const start = () => {
    const mine = generation;
    const own = {
      ...directory,
      cells: () => (mine === generation ? directory.cells() : new Promise<never>(() => undefined)),
    };
    keeper = createOverview({
      directory: own,
      measure: measureQuestion({ ...asking, sign }),
      replication,
      storage,
      objectives: OBJECTIVE_DEFAULTS,
      clock,
      log,
      intervalMs: settings.intervalMs,
    });
    return createMonitor({
      overview: keeper,
      directory: own,
      prober: createProber({
        probe: healthProbe({ ...asking, ids }, { timeoutMs: settings.timeoutMs, lateMs: 4000 }),
        ask: peerQuestion({ ...asking, sign }),
        clock,
      }),
      fencing: createFencing({
        directory,
        storage,
        fence: fenceRequest({ ...asking, sign, assign: async () => undefined }, settings.timeoutMs),
        signedWith: 'edge-1',
        clock,
      }),
      catchingUp: { round: async () => undefined, progress: () => ({ waiting: 0, problem: null }) },
      storage,
      clock,
      log,
      settings,
    });
  };
  let watch = start();
  let busy = false;
  let nextAt: number = clock.now();
  /** Lets the monitor work for so long, a round after the other, as alarms do. */
  const run = async (milliseconds: number) => {
    const end = clock.now() + milliseconds;
    while (clock.now() < end) {
      if (!busy && clock.now() >= nextAt) {
        busy = true;
        nextAt = clock.now() + settings.intervalMs;
        void watch.round().then(() => {
          busy = false;
        });
      }
      await clock.advance(Math.min(100, end - clock.now()));
    }
  };
  return {
    ...cloud,
    clock,
    log,
    replication,
    run,
    status: () => watch.status(),
    overview: (known: string | null = null) => watch.overview(known),
    /** The content of the overview. */
    shown: (): Overview => JSON.parse(watch.overview(null)?.body ?? 'null'),
    report: (traffic: TrafficReport) => keeper.report(traffic),
    stateOf: async (id: string) => (await cloud.directory.cells()).find(({ cell }) => cell.id === id)?.cell.state,
    /** The object is moved: what its round was about to do is not done any more. */
    restart: () => {
      generation += 1;
      busy = false;
      watch = start();
    },
    setAway: (value: boolean) => {
      away = value;
    },
  };
}
