// Lets a cell act as a witness: at the monitor's request, it probes another cell's health once.
import type { TimedFetchDeps } from '../lib/timed-fetch.ts';
import { healthProbe, type ProbeTarget } from './health-probe.ts';
import { isName } from './identity.ts';

/** The query parameter that names the other cell: its id, a space, and the origin of its API. */
export const PEER_PARAMETER = 'peer';

export const PEER_PROBE = {
  /** In milliseconds: as long as the monitor's own probe. */
  timeoutMs: 1000,
  /** Characters of the parameter. */
  characters: 400,
} as const;

/** The finding as the monitor receives it. */
export interface PeerFinding {
  readonly cell: string;
  readonly reached: boolean;
  readonly detail: string;
}

/** Reads the parameter; `undefined` if it names no cell. Accepts only an origin: the probe requests its health and sends nothing else. */
export function readPeer(text: string): ProbeTarget | undefined {
  const [id, endpoint, ...rest] = text.split(' ');
  if (text.length > PEER_PROBE.characters || rest.length > 0 || !isName(id) || endpoint === undefined) return undefined;
  return URL.canParse(endpoint) && new URL(endpoint).origin === endpoint ? { id, endpoint } : undefined;
}

/** Returns a function that probes another cell. It never rejects. */
export function peerProbe(deps: TimedFetchDeps): (target: ProbeTarget) => Promise<PeerFinding> {
  const { timeoutMs } = PEER_PROBE;
  const probe = healthProbe(deps, { timeoutMs, lateMs: timeoutMs });
  return async (target) => {
    const { answer, detail } = await probe(target).result;
    return { cell: target.id, reached: answer === 'alive', detail };
  };
}
