// The control API over a directory in memory.
import { MemoryDirectoryStorage } from '../../adapters/memory/memory-directory-storage.ts';
import { type ControlApiDeps, createControlApi, type Operator } from '../../core/edge/control/control-api.ts';
import { controlOpenApiDocument } from '../../core/edge/control/control-openapi.ts';
import { createDirectory } from '../../core/edge/directory/directory.ts';
import { drillBook } from '../../core/edge/monitor/drill-book.ts';
import { MONITOR_DEFAULTS } from '../../core/edge/monitor/monitor-settings.ts';
import type { OverviewAnswer } from '../../core/edge/monitor/overview.ts';
import type { Directory } from '../../core/edge/ports/directory.ts';
import { PortError } from '../../core/ports/errors.ts';
import { answerCheck } from './conformity.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryMonitorStorage } from './monitor-storage.ts';
import { RecordingLog } from './recording-log.ts';
import { EDGE_KEY, publicPart } from './route-tokens.ts';

/** An operator with all scopes of the control API. */
export const OPERATOR: Operator = {
  subject: 'ops@example.com',
  scopes: ['control.read', 'control.write', 'control.endpoints', 'control.erase'],
};
export const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

export interface Loose {
  // biome-ignore lint/suspicious/noExplicitAny: -- a test reads whatever the API has answered
  [key: string]: any;
}

/** What contradicts the document of the API in its own answers. */
const contradictions = answerCheck(controlOpenApiDocument());

const STATUS = {
  at: '2026-11-21T08:00:00.000Z',
  settings: MONITOR_DEFAULTS,
  roundAt: null,
  trouble: null,
  cells: [],
  fencing: { waiting: 0, jobs: [] },
};

/** A mover that is not there. */
const unavailable = () => Promise.reject(new PortError('unavailable', 'There is no mover here.'));
export const NO_MOVER = { start: unavailable, show: unavailable, list: unavailable, change: unavailable };

/** A mover that has moved nothing. */
export const IDLE_MOVER = { ...NO_MOVER, show: async () => null, list: async () => [] };

/** Nothing was ever erased. */
export const NO_ERASURES: ControlApiDeps['erasures'] = {
  ...{ erase: unavailable, replayErasures: unavailable, erasure: async () => null },
  erasures: async () => ({ items: [], next: null }),
  bringErasures: async () => ({ value: 0 }),
  cellErasures: async () => ({ erasures: 0, unmarked: 0 }),
};

/** What a mover needs where nothing was ever erased, and cells have no other traffic. */
export const NOTHING_TO_BRING = {
  isErasing: async () => false,
  bring: async () => null,
  ingestTimes: async () => ({}),
};

/** A gate that has found nothing missing. */
export const OPEN_GATE: ControlApiDeps['gate'] = {
  caughtUp: async (cell) => ({ cell, state: 'caught-up', running: null, latest: null }),
};

/** No drill is known, and none can be kept. */
export const NO_DRILLS: ControlApiDeps['drills'] = { noteDrill: unavailable, drills: async () => [] };

/** Keys of cells that cannot be asked. */
export const NO_KEYS: ControlApiDeps['keys'] = {
  ask: async () => ({ fault: 'it is not there' }),
  signer: publicPart(EDGE_KEY),
};

/** The API over a directory in memory; every answer of it is held against its document. */
export function openApi(
  over: Partial<Directory> = {},
  monitor: () => Promise<unknown> = async () => STATUS,
  overview: (known: string | null) => Promise<OverviewAnswer | null> = async () => null,
  mover: ControlApiDeps['mover'] = IDLE_MOVER,
  keys: ControlApiDeps['keys'] = NO_KEYS,
  gate = OPEN_GATE,
  erasures = NO_ERASURES,
  drills?: ControlApiDeps['drills'],
) {
  const log = new RecordingLog();
  const clock = new FakeClock();
  const own = createDirectory({ storage: new MemoryDirectoryStorage(), clock });
  const guard = { trust: { proofs: 'optional', approvals: 'none' }, prove: async () => undefined } as const;
  const cells = {
    push: async () => '',
    holdings: { heldBy: async () => null, replicas: async () => 'it cannot be asked', index: async () => ({}) },
  };
  const handle = createControlApi({
    directory: { ...own, ...over },
    monitor,
    overview,
    log,
    clock,
    mover,
    erasures,
    drills: drills ?? drillBook(new MemoryMonitorStorage(), clock),
    gate,
    keys,
    ...guard,
    ...cells,
  });
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    {
      operator = OPERATOR,
      contentType = 'application/json',
      headers = {},
    }: { operator?: Operator; contentType?: string; headers?: Readonly<Record<string, string>> } = {},
  ) => {
    const request = new Request(`https://edge.example/control/v1/${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': contentType }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const response = await handle(request, operator, TRACE);
    const text = await response.text();
    const { pathname } = new URL(request.url);
    expect(
      contradictions({
        method,
        path: pathname,
        status: response.status,
        contentType: response.headers.get('content-type'),
        body: text,
      }),
    ).toEqual([]);
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as Loose,
    };
  };
  /** An answer that is no JSON. */
  const text = async (method: string, path: string) => {
    const request = new Request(`https://edge.example/control/v1/${path}`, { method });
    const response = await handle(request, OPERATOR, TRACE);
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };
  /** The status and the problem's code. */
  const refused = async (...args: Parameters<typeof call>) => {
    const { status, body } = await call(...args);
    return `${status} ${body.code}`;
  };
  return { call, text, refused, log, clock };
}
