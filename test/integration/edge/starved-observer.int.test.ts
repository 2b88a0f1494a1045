// Slow is not dead: a monitor that gets no processor time, and a cell that gets none, tried with the real clock of this process.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../adapters/system/system.ts';
import { healthProbe, type ProbeResult } from '../../../core/cell/health-probe.ts';
import { failuresInARow, isAnswering, NO_EVIDENCE, withResults } from '../../../core/edge/monitor/evidence.ts';
import { MONITOR_DEFAULTS } from '../../../core/edge/monitor/monitor-settings.ts';

const TIMEOUT_MS = 200;
let cell: Server;
/** `open` answers at once, `held` when the test lets it. */
let mode: 'open' | 'held' = 'open';
let arrived: (release: () => void) => void;
const held = new Promise<() => void>((resolve) => {
  arrived = resolve;
});
let endpoint: string;

beforeAll(async () => {
  cell = createServer((_, response) => {
    const answer = () =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ status: 'ok', cell: 'cell-1' }));
    if (mode === 'open') answer();
    else arrived(answer);
  });
  await new Promise<void>((resolve) => cell.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(cell.address() as AddressInfo).port}`;
});
afterAll(async () => {
  cell.closeAllConnections();
  await new Promise((resolve) => cell.close(resolve));
});

const begin = () =>
  healthProbe({ fetch, clock: systemClock }, { timeoutMs: TIMEOUT_MS, lateMs: 10_000 })({ id: 'cell-1', endpoint });

/** Takes all processor time of this process, so that no timer and no answer is looked at. */
function starve(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

const judged = (results: readonly ProbeResult[]) => withResults(NO_EVIDENCE, results, MONITOR_DEFAULTS);

test('a monitor that had no processor time holds nothing against the cell, and hears its answer all the same', async () => {
  mode = 'open';
  for (let round = 0; round < 3; round += 1) {
    const probe = begin();
    starve(4 * TIMEOUT_MS);
    const result = await probe.result;
    expect(['void', 'alive']).toContain(result.answer);
    expect(failuresInARow(judged([result]))).toEqual([]);
    const late = await probe.late;
    expect((late ?? result).answer).toBe('alive');
  }
});

test('a cell that answers late is silent at first, and alive when it has answered', async () => {
  mode = 'held';
  const probe = begin();
  const result = await probe.result;
  expect(isAnswering(judged([result]))).not.toBe(true);
  (await held)();
  const late = await probe.late;
  expect(late?.answer).toBe('alive');
  expect(isAnswering(judged([result, late as ProbeResult]))).toBe(true);
});
