// What `polycell doctor` concludes, and that each fault comes with what to do.
import { ofCell, ofClock, ofEdge, ofMonitor, ofToken, ofVersion } from '../../../cli/edge/diagnosis.ts';
import type { MonitorStatus } from '../../../core/edge/monitor/monitor.ts';
import { MONITOR_DEFAULTS } from '../../../core/edge/monitor/monitor-settings.ts';
import type { Cell } from '../../../core/edge/ports/directory-model.ts';
import { CELL_KEY, publicPart, SECOND_KEY } from '../../support/route-tokens.ts';

const HEALTH = { status: 'ok', version: '1.2.3', tookMs: 20, aheadMs: 100 };
const NOW = Date.parse('2026-11-21T08:00:00Z');

const CELL: Cell = {
  id: 'a',
  cloud: 'aws',
  region: 'eu-central-1',
  jurisdiction: 'eu',
  endpoint: 'https://a.example',
  provedEndpoint: 'https://a.example',
  keys: [publicPart(CELL_KEY)],
  capacity: 10,
  price: 1,
  failover: 'automatic',
  state: 'active',
  switches: 0,
  revision: 1,
};

const SEEN: MonitorStatus['cells'][number] = {
  id: 'a',
  state: 'active',
  policy: 'automatic',
  verdict: 'up',
  since: '2026-11-21T07:00:00.000Z',
  probes: '....',
  detail: 'ok',
  stay: null,
  refusal: null,
  seenBy: {},
};

const MONITOR: MonitorStatus = {
  at: '2026-11-21T08:00:00.000Z',
  settings: MONITOR_DEFAULTS,
  roundAt: '2026-11-21T07:59:59.000Z',
  trouble: null,
  cells: [SEEN],
  fencing: { waiting: 0, jobs: [] },
  catchingUp: { waiting: 0, problem: null },
};

const statuses = (findings: readonly { status: string; remedy?: string }[]) =>
  findings.map(({ status, remedy }) => {
    // What is not well has something to do about it, and what is well has not.
    expect((remedy ?? '') !== '').toBe(status !== 'ok');
    return status;
  });

test.each([
  [{}, 'ok'],
  [{ status: 'degraded' }, 'warn'],
  [{ tookMs: 2000 }, 'ok'],
  [{ tookMs: 2001 }, 'warn'],
])('an edge with %j: %s', (more, status) => {
  expect(statuses([ofEdge({ ...HEALTH, ...more }, 'https://edge.example')])).toEqual([status]);
});

test.each([
  [5000, 'ok', 'this clock is 5.0 s behind the edge’s'],
  [-5000, 'ok', 'this clock is 5.0 s ahead of the edge’s'],
  [5001, 'warn', 'behind'],
  [-5001, 'warn', 'ahead'],
  [3_600_000, 'warn', 'behind'],
  [-300_000, 'warn', 'ahead'],
  [-300_001, 'fail', 'events with its time are refused'],
  [null, 'warn', 'does not say its time'],
])('the edge’s clock is %s ms ahead: %s', (aheadMs, status, detail) => {
  const finding = ofClock({ ...HEALTH, aheadMs });
  expect([statuses([finding]), finding.detail]).toEqual([[status], expect.stringContaining(detail)]);
});

test('versions are compared', () => {
  expect(statuses([ofVersion(HEALTH, '1.2.3'), ofVersion(HEALTH, '1.2.4')])).toEqual(['ok', 'warn']);
});

const TAKEN = { status: 200, detail: '' };
const CLAIMS = {
  iss: 'https://i.example',
  sub: 'ann',
  aud: 'polycell-control',
  scope: 'openid control.read control.write',
};
const inSeconds = (seconds: number) => NOW / 1000 + seconds;

test.each([
  ['a good token', { exp: inSeconds(600) }, TAKEN, ['ok', 'ok']],
  ['one about to expire', { exp: inSeconds(299) }, TAKEN, ['warn', 'ok']],
  ['one that has expired', { exp: inSeconds(0) }, { status: 401, detail: 'it has expired' }, ['fail', 'fail']],
  ['one without an end', {}, { status: 401, detail: 'no' }, ['fail', 'fail']],
  ['one of another issuer', { exp: inSeconds(600) }, { status: 401, detail: 'no' }, ['ok', 'fail']],
  ['one that looks only', { exp: inSeconds(600), scope: 'control.read' }, TAKEN, ['ok', 'warn']],
  [
    'one with scopes as roles',
    { exp: inSeconds(600), scope: undefined, roles: ['control.write'] },
    TAKEN,
    ['ok', 'ok'],
  ],
  ['one without a scope', { exp: inSeconds(600), scope: 'openid' }, { status: 403, detail: 'no' }, ['ok', 'fail']],
  ['one that cannot be verified', { exp: inSeconds(600) }, { status: 503, detail: 'no keys' }, ['ok', 'fail']],
  ['a tenant’s', { exp: inSeconds(600), tenant: 'acme', scope: 'read' }, { status: 403, detail: 'no' }, ['ok', 'ok']],
])('%s', (_name, more, verdict, expected) => {
  expect(statuses(ofToken({ ...CLAIMS, ...more } as Parameters<typeof ofToken>[0], verdict, NOW))).toEqual(expected);
});

test.each([
  ['prod', 'Log in again: npx polycell login --profile prod'],
  [undefined, 'Put a new token in POLYCELL_TOKEN.'],
])('a token of the profile %s is renewed where it came from', (profile, remedy) => {
  const [life] = ofToken({ ...CLAIMS, exp: inSeconds(0) }, TAKEN, NOW, profile);
  expect(life?.remedy).toBe(remedy);
});

test('an opaque token is named as such', () => {
  expect(statuses(ofToken(undefined, TAKEN, NOW))).toEqual(['fail']);
});

test.each<[string, Partial<MonitorStatus>, string[]]>([
  ['runs', {}, ['ok']],
  ['has trouble', { trouble: 'the directory does not answer' }, ['fail']],
  ['has not begun', { roundAt: null }, ['warn']],
  ['ran 15 s ago', { roundAt: '2026-11-21T07:59:45.000Z' }, ['ok']],
  ['has stopped', { roundAt: '2026-11-21T07:59:44.999Z' }, ['fail']],
  [
    'is slow by its settings',
    { roundAt: '2026-11-21T07:55:00.000Z', settings: { ...MONITOR_DEFAULTS, intervalMs: 30_000 } },
    ['ok'],
  ],
  [
    'cannot fence a cell',
    {
      fencing: {
        waiting: 1,
        jobs: [
          {
            of: 'home b',
            whom: 'b',
            revision: 1,
            told: 0,
            since: null,
            epoch: null,
            problem: 'it answers 503',
            state: 'waiting',
          },
          { of: 'home c', whom: 'c', revision: 1, told: 3, since: null, epoch: 1, problem: '', state: 'done' },
        ] as MonitorStatus['fencing']['jobs'],
      },
    },
    ['ok', 'warn'],
  ],
])('a monitor that %s', (_name, more, expected) => {
  expect(statuses(ofMonitor({ ...MONITOR, ...more }))).toEqual(expected);
});

test.each<[string, Partial<Cell>, Partial<typeof SEEN> | null, string[]]>([
  ['is well', {}, {}, ['ok', 'ok']],
  ['drains', { state: 'draining' }, {}, ['ok', 'ok']],
  ['does not answer', {}, { verdict: 'failing', detail: 'timeout' }, ['fail', 'ok']],
  ['is failed over', { state: 'down' }, { verdict: 'failing' }, ['fail', 'ok']],
  ['is failed over and answers', { state: 'down' }, {}, ['fail', 'ok']],
  ['has not been looked at', {}, { verdict: 'unknown' }, ['warn', 'ok']],
  ['the monitor does not know', {}, null, ['warn', 'ok']],
  ['has two keys', { keys: [publicPart(CELL_KEY), publicPart(SECOND_KEY)] }, {}, ['ok', 'warn']],
  ['has not proved itself', { provedEndpoint: 'https://before.example' }, {}, ['ok', 'fail']],
])('a cell that %s', (_name, cell, seen, expected) => {
  const monitor = { ...MONITOR, cells: seen === null ? [] : [{ ...SEEN, ...seen }] };
  expect(statuses(ofCell({ ...CELL, ...cell }, monitor))).toEqual(expected);
});

test('a cell without keys is named', () => {
  const { keys, provedEndpoint, ...without } = CELL;
  expect(statuses(ofCell(without, MONITOR))).toEqual(['ok', 'warn']);
});
