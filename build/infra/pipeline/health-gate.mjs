// Waits until a cell or the edge is healthy with the version that was deployed: `node build/infra/pipeline/health-gate.mjs URL VERSION`.
// It exits with 0 once enough consecutive answers were good, with 1 if that does not happen in time.
import { pathToFileURL } from 'node:url';

/** Required consecutive good answers, the pause between them, the timeout of each, and the total timeout, in milliseconds. */
export const GATE = { good: 6, pauseMs: 10_000, answerMs: 5000, allMs: 10 * 60_000 };

/**
 * @param {{ status: number, body: unknown }} answer of the health check
 * @param {string} version
 * @returns {string | undefined} its fault, if any
 */
export function faultOf({ status, body }, version) {
  if (status !== 200) return `it answers ${status}`;
  const health = /** @type {{ status?: unknown, version?: unknown }} */ (
    typeof body === 'object' && body !== null ? body : {}
  );
  if (health.status !== 'ok') return `it says ${JSON.stringify(health.status)}`;
  return health.version === version ? undefined : `it runs ${JSON.stringify(health.version)}`;
}

/**
 * @param {{ ask: () => Promise<{ status: number, body: unknown }>, pause: (ms: number) => Promise<unknown>, now: () => number, report: (line: string) => void }} world
 * @param {string} version
 * @param {typeof GATE} [gate]
 * @returns {Promise<boolean>} whether it became healthy in time
 */
export async function healthGate({ ask, pause, now, report }, version, gate = GATE) {
  const end = now() + gate.allMs;
  let good = 0;
  while (now() < end) {
    const fault = await ask().then(
      (answer) => faultOf(answer, version),
      (error) => `it does not answer: ${error instanceof Error ? error.message : String(error)}`,
    );
    good = fault === undefined ? good + 1 : 0;
    report(fault === undefined ? `good answer ${good} of ${gate.good}` : fault);
    if (good >= gate.good) return true;
    await pause(gate.pauseMs);
  }
  return false;
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const [url, version] = process.argv.slice(2);
  if (!url || !version) {
    process.stderr.write('Usage: node build/infra/pipeline/health-gate.mjs URL VERSION\n');
    process.exit(2);
  }
  healthGate(
    {
      ask: async () => {
        const response = await fetch(url, { signal: AbortSignal.timeout(GATE.answerMs), redirect: 'error' });
        return { status: response.status, body: await response.json() };
      },
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      now: () => performance.now(),
      report: (line) => process.stdout.write(`${line}\n`),
    },
    version,
  ).then(
    (healthy) => {
      process.exitCode = healthy ? 0 : 1;
    },
    (error) => {
      process.stderr.write(`${error}\n`);
      process.exitCode = 1;
    },
  );
}
