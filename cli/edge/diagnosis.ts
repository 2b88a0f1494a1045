// What `polycell doctor` concludes from what it has seen: each finding with what to do about it.
import type { MonitorStatus } from '../../core/edge/monitor/monitor.ts';
import { ISSUER_SKEW_SECONDS } from '../../core/edge/ports/credentials.ts';
import type { Cell } from '../../core/edge/ports/directory-model.ts';
import { hasProved } from '../../core/edge/router/route-memory.ts';
import { EVENT_LIMITS } from '../../core/events/accept.ts';
import type { EdgeHealth } from './edge-health.ts';
import { type Claims, scopesOf } from './token-claims.ts';

export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** Absent if there is nothing to do. */
  readonly remedy?: string;
}

const ok = (check: string, detail: string): Finding => ({ check, status: 'ok', detail });
const warn = (check: string, detail: string, remedy: string): Finding => ({ check, status: 'warn', detail, remedy });
const fail = (check: string, detail: string, remedy: string): Finding => ({ check, status: 'fail', detail, remedy });

export const DOCTOR_LIMITS = {
  /** An answer that takes longer is worth a look, in milliseconds. */
  slowMs: 2000,
  /** A token with less left is about to expire, in seconds. */
  expiringSeconds: 300,
  /** The monitor has stopped when its latest round is older, in intervals and in milliseconds. */
  rounds: 10,
  roundMs: 15_000,
} as const;

const seconds = (ms: number): string => `${(Math.abs(ms) / 1000).toFixed(1)} s`;

/** The edge as it answers without a credential. */
export function ofEdge({ status, tookMs }: EdgeHealth, edge: string): Finding {
  if (status !== 'ok')
    return warn(
      'edge',
      `${edge} says that it is ${status}`,
      'Its read cache or its directory has just failed to answer; see its log.',
    );
  const detail = `${edge} answers in ${Math.round(tookMs)} ms`;
  return tookMs > DOCTOR_LIMITS.slowMs
    ? warn('edge', detail, 'Compare with another network: the way there or the edge is slow.')
    : ok('edge', detail);
}

/** Our clock against the edge's. */
export function ofClock({ aheadMs }: EdgeHealth): Finding {
  if (aheadMs === null) return warn('clock', 'the edge does not say its time', 'Nothing can be said about clocks.');
  const detail = `this clock is ${seconds(aheadMs)} ${aheadMs > 0 ? 'behind' : 'ahead of'} the edge’s`;
  const remedy = 'Set this machine’s clock by NTP.';
  if (-aheadMs > EVENT_LIMITS.futureMs)
    return fail('clock', `${detail}: events with its time are refused as being in the future`, remedy);
  return Math.abs(aheadMs) > ISSUER_SKEW_SECONDS * 1000 ? warn('clock', detail, remedy) : ok('clock', detail);
}

/** The release of the edge beside that of the command line. */
export const ofVersion = ({ version }: EdgeHealth, own: string): Finding =>
  version === own
    ? ok('version', `edge and command line are ${own}`)
    : warn('version', `the edge is ${version}, the command line ${own}`, 'Use the command line of the edge’s release.');

/** How the edge answers to the token. */
export interface TokenVerdict {
  readonly status: number;
  readonly detail: string;
}

/** How to get another token: a profile has it from a login, everything else from POLYCELL_TOKEN. */
export const newToken = (profile: string | undefined): string =>
  profile === undefined
    ? 'Put a new token in POLYCELL_TOKEN.'
    : `Log in again: npx polycell login --profile ${profile}`;

/** The token, as it says of itself and as the edge takes it. */
export function ofToken(
  claims: Claims | undefined,
  verdict: TokenVerdict,
  now: number,
  profile?: string,
): readonly Finding[] {
  if (claims === undefined) return [fail('token', 'it is no JSON Web Token', newToken(profile))];
  const { exp, sub = 'a caller without a name', iss = 'an issuer without a name', tenant } = claims;
  const left = exp === undefined ? undefined : exp - now / 1000;
  const audience = [claims.aud ?? 'none'].flat().join(', ');
  const who = `${sub} by ${iss}, for the audience ${audience}`;
  const again = newToken(profile);
  const life =
    left === undefined
      ? fail('token', `${who}; it does not say until when`, 'The edge takes tokens with an end only (exp).')
      : left <= 0
        ? fail('token', `${who}; it has expired`, again)
        : left < DOCTOR_LIMITS.expiringSeconds
          ? warn('token', `${who}; it expires in ${Math.round(left)} s`, again)
          : ok('token', `${who}; it is valid for ${Math.round(left / 60)} minutes`);
  if (verdict.status === 401)
    return [
      life,
      fail(
        'access',
        `the edge refuses the token: ${verdict.detail}`,
        'Compare issuer and audience with APP_ISSUER and APP_OPERATORS of the edge.',
      ),
    ];
  if (verdict.status >= 500)
    return [
      life,
      fail('access', `the edge cannot tell: ${verdict.detail}`, 'Its issuer or its directory does not answer it.'),
    ];
  if (tenant !== undefined) return [life, ok('access', `the edge takes it for the tenant ${tenant}`)];
  return [life, ofScopes(scopesOf(claims), verdict)];
}

function ofScopes(scopes: readonly string[], verdict: TokenVerdict): Finding {
  const relevant = scopes.filter((scope) => /^(?:control|tenants)\./.test(scope));
  const detail = `the edge takes it with ${relevant.length === 0 ? 'no scope of its own' : relevant.join(', ')}`;
  if (verdict.status === 403) return fail('access', detail, 'Ask for the scope control.read.');
  return relevant.includes('control.write')
    ? ok('access', detail)
    : warn('access', detail, 'It can look and not change: ask for control.write if it is to.');
}

/** The monitor itself, and what it has not finished. */
export function ofMonitor({ at, roundAt, settings, trouble, fencing }: MonitorStatus): readonly Finding[] {
  const findings: Finding[] = [];
  const late = Math.max(DOCTOR_LIMITS.roundMs, DOCTOR_LIMITS.rounds * settings.intervalMs);
  const age = roundAt === null ? undefined : Date.parse(at) - Date.parse(roundAt);
  if (trouble !== null)
    findings.push(fail('monitor', trouble, 'See npx polycell failover status, and the log of the edge.'));
  else if (age === undefined)
    findings.push(warn('monitor', 'it has not looked at any cell yet', 'Ask again in a moment.'));
  else if (age > late)
    findings.push(
      fail(
        'monitor',
        `its latest round was ${seconds(age)} ago`,
        'It is woken by requests and by the schedule of the Worker: check the latter.',
      ),
    );
  else findings.push(ok('monitor', `its latest round was ${seconds(age)} ago`));
  const stuck = fencing.jobs.filter(({ problem }) => problem !== '');
  for (const { of, whom, problem } of stuck)
    findings.push(
      warn('fencing', `${whom} does not know of ${of} yet: ${problem}`, 'It is repeated; the cell has to answer.'),
    );
  return findings;
}

/** A cell, as directory and monitor have it. */
export function ofCell(cell: Cell, monitor: MonitorStatus): readonly Finding[] {
  const { id, state, keys } = cell;
  const check = `cell ${id}`;
  const seen = monitor.cells.find((each) => each.id === id);
  const health =
    seen?.verdict === 'failing'
      ? fail(check, `it does not answer since ${seen.since}: ${seen.detail}`, failoverAdvice(state, id))
      : state === 'down'
        ? fail(check, 'it is marked down, and answers', `When it may serve again: npx polycell failover back ${id}`)
        : seen?.verdict === 'up'
          ? ok(check, `${state}, ${seen.detail}`)
          : warn(check, `${state}; the monitor does not know yet how it is`, 'Ask again in a moment.');
  return [health, ofKeys(`keys ${id}`, keys, hasProved(cell), id)];
}

const failoverAdvice = (state: Cell['state'], id: string): string =>
  state === 'down'
    ? 'Its tenants are with their standbys; repair it.'
    : `npx polycell failover status, and if it is lost: npx polycell failover start ${id}`;

function ofKeys(check: string, keys: Cell['keys'], proved: boolean, id: string): Finding {
  if (keys === undefined)
    return warn(
      check,
      'it is declared without keys, so nothing proves that it is the cell',
      `npx polycell cells add ${id} --keys JSON`,
    );
  const kids = keys.map(({ kid }) => kid).join(', ');
  if (!proved)
    return fail(
      check,
      `its endpoint has not proved that it is the cell (${kids})`,
      `Declare it again when it answers: npx polycell cells add ${id} --endpoint URL`,
    );
  return keys.length === 1
    ? ok(check, `its endpoint has proved itself (${kids})`)
    : warn(check, `it has two keys (${kids})`, 'Finish the rotation: declare the new key alone.');
}
