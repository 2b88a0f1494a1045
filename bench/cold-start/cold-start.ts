// `cold-start`: how long a fresh process takes to load a function's bundle and to answer its first event.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { systemClock } from '../../adapters/system/system.ts';
import { READING_TYPE } from '../../core/telemetry/schemas.ts';
import { sourceFile } from '../../local/processes/source-file.ts';
import { makeRouteKeys } from '../../local/route-keys.ts';
import { gatewayEvent } from '../ingest/job.ts';
import type { Benchmark } from '../kit/benchmark.ts';
import { reading, TENANT } from '../kit/events.ts';
import { median, ratios, spread } from '../kit/statistics.ts';
import { type Candidate, DEPLOYED, LEANEST, makeCandidates } from './candidates.ts';
import { startStub } from './stub-server.ts';

const run = promisify(execFile);
const TARGET_KIB = 350;
const TARGET_RATIO = 1.5;
const CELL = 'bench-cell';

interface Timing {
  readonly load: number;
  readonly first: number;
  readonly answer?: { readonly statusCode?: number; readonly batchItemFailures?: readonly unknown[] };
}

export const coldStartBenchmark: Benchmark = {
  name: 'cold-start',
  summary: 'loading the deployable bundles and their first call, against default and leanest bundles',
  async run(context) {
    const { quick, rounds = quick ? 5 : 15 } = context;
    context.progress('cold-start: building');
    const candidates = await makeCandidates();
    const stub = await startStub(context);
    const keys = await makeRouteKeys(systemClock);
    const environment = (of: Candidate['of']) => ({
      PATH: process.env.PATH,
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      AWS_ENDPOINT_URL_DYNAMODB: stub,
      AWS_ENDPOINT_URL_SNS: stub,
      APP_CELL: CELL,
      APP_VERSION: 'bench',
      APP_EVENTS_TABLE: 'events',
      APP_STATE_TABLE: 'state',
      APP_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:events',
      ...(of === 'http' && { APP_ROUTE_KEYS: JSON.stringify(keys.publicKeys) }),
      ...(of === 'worker' && { APP_CONSUMER: 'device-state' }),
    });
    const start = async (candidate: Candidate, mode: string): Promise<string> => {
      const { of, file, cache } = candidate;
      const token = await keys.mint({ tenant: TENANT, cell: CELL, scopes: ['ingest'] });
      const { stdout } = await run(
        process.execPath,
        [sourceFile('bench/cold-start/runner.cjs'), JSON.stringify({ file, cache, event: eventFor(of, token) }), mode],
        { env: environment(of) },
      );
      return stdout;
    };
    for (const candidate of candidates) if (candidate.cache !== undefined) await start(candidate, 'make-cache');
    const timings = candidates.map((): Timing[] => []);
    for (let round = 0; round <= rounds; round += 1) {
      context.progress(`cold-start: round ${round}/${rounds}`);
      for (let place = 0; place < candidates.length; place += 1) {
        const which = (place + round) % candidates.length;
        const candidate = candidates[which];
        if (candidate === undefined) continue;
        const timing = JSON.parse(await start(candidate, 'time')) as Timing;
        expectDone(candidate, timing);
        // The first round brings the files into memory.
        if (round > 0) timings[which]?.push(timing);
      }
    }
    const figures = (name: string, of: string, pick: (timing: Timing) => number) =>
      (timings[candidates.findIndex((each) => each.name === name && each.of === of)] ?? []).map(pick);
    const leanest = figures(LEANEST, 'floor', ({ load }) => load);
    const http = candidates.find(({ of, name }) => of === 'http' && name === DEPLOYED);
    const ratio = median(
      ratios(
        figures(DEPLOYED, 'http', ({ load }) => load),
        leanest,
      ),
    );
    return {
      benchmark: 'cold-start',
      tables: [
        {
          title: `Load and first call in a fresh process of Node.js ${process.version}, ${rounds} rounds`,
          columns: [
            { key: 'of', title: 'function' },
            { key: 'name', title: '' },
            { key: 'raw', title: 'KiB' },
            { key: 'gzip', title: 'gzip' },
            { key: 'load', title: 'load ms', digits: 1 },
            { key: 'ratio', title: 'of leanest', digits: 2 },
            { key: 'first', title: 'first call ms', digits: 1 },
          ],
          rows: candidates.map(({ of, name, rawKiB, gzipKiB }) => {
            const load = figures(name, of, (timing) => timing.load);
            return {
              of,
              name,
              raw: rawKiB,
              gzip: gzipKiB,
              load: spread(load),
              ratio: median(ratios(load, leanest)),
              first: spread(figures(name, of, ({ first }) => first)),
            };
          }),
          notes: [
            'load: from the beginning of require or import until the handler exists; Node.js’s own start comes before it.',
            'V8’s code cache is an experiment: it must be made by the very Node.js it is used by, so it is not deployed.',
          ],
        },
      ],
      verdicts: [
        {
          target: `http under ${TARGET_KIB} KiB`,
          found: `${http?.rawKiB.toFixed(0)} KiB`,
          met: (http?.rawKiB ?? Number.NaN) < TARGET_KIB,
        },
        {
          target: `http loads within ${TARGET_RATIO} times the leanest`,
          found: `${ratio.toFixed(2)} times`,
          met: ratio <= TARGET_RATIO,
        },
      ],
    };
  },
};

/** One reading in the form in which the function gets it. */
function eventFor(of: Candidate['of'], token: string): unknown {
  const event = reading({ id: '1', device: 'device-1', time: Date.now() - 1000, value: 21.5 });
  if (of === 'http') return gatewayEvent(JSON.stringify(event), false, token);
  if (of === 'worker') {
    const body = JSON.stringify({ ...event, polycelltenant: TENANT });
    return { Records: [{ messageId: '1', body, attributes: { ApproximateReceiveCount: '1' }, messageAttributes: {} }] };
  }
  const body = { type: READING_TYPE, source: event.source, id: event.id, data: event.data };
  const time = new Date(Date.now() - 1000).toISOString().slice(0, 19);
  const NewImage = {
    p: { S: `${TENANT}|device-1` },
    s: { S: `${time}!0123456789abcdef` },
    b: { S: JSON.stringify(body) },
    v: { S: '0123456789abcdef' },
  };
  return { Records: [{ eventName: 'INSERT', dynamodb: { SequenceNumber: '1', NewImage } }] };
}

/** A first call that failed is no first call. */
function expectDone({ of, name }: Candidate, { answer }: Timing): void {
  const done = of === 'floor' || (of === 'http' ? answer?.statusCode === 202 : answer?.batchItemFailures?.length === 0);
  if (!done) throw new Error(`The first call of ${of}, ${name}, failed: ${JSON.stringify(answer)}`);
}
