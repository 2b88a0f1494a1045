// Who takes part in a simulated history, which faults can be put into the product, and the rules of earlier versions among them.
import type { Rules } from '../../core/edge/monitor/failure-detector.ts';
import type { PublicKey } from '../../core/ports/keys.ts';

export const CELLS = { alpha: 'aws', beta: 'azure', gamma: 'azure' } as const;
export type CellId = keyof typeof CELLS;
export const CELL_IDS = Object.keys(CELLS) as CellId[];
export const ROUTERS = ['router-1', 'router-2'] as const;
export type Place = CellId | (typeof ROUTERS)[number] | 'monitor' | 'directory' | 'cache' | 'issuer';

/** Tenant → home and standby. */
export const TENANTS: Readonly<Record<string, { readonly home: CellId; readonly standby: CellId }>> = {
  acme: { home: 'alpha', standby: 'beta' },
  globex: { home: 'beta', standby: 'alpha' },
  initech: { home: 'gamma', standby: 'alpha' },
};

/** Faults that can be put into the product, to see that the simulation finds them. */
export const MUTANTS = {
  'count-cells': 'the monitor holds back whenever more than half of the cells are silent',
  'state-alone': 'a standby that is down though it answers is of no use',
  'slow-is-dead': 'an answer that comes late is no sign of life',
  'slow-detection': 'the probes of earlier versions: five seconds apart',
  'no-fence': 'cells take every epoch',
  'forgetful-log': 'a cell acknowledges events before they are stored',
  'raw-answers': 'what a cell’s platform answers in its place is passed on',
  'no-lease': 'effects that must happen once need no lease',
  'no-wait': 'the cell that takes over does not wait for the lease of the one before',
  'sticky-keys': 'a failed load of the issuer’s keys is remembered, and all are refused for as long',
  'blamed-cell': 'a client that sends its body slowly is the fault of its cell',
  'late-put': 'writes to the read cache do not wait for those before them that have timed out',
  'tokens-renew': 'each request that the edge sends renews the lease of the cell',
} as const;
export type Mutant = keyof typeof MUTANTS;

/** The key of a cell; nothing is signed here. */
export const keyOf = (id: CellId): PublicKey => ({
  kty: 'OKP',
  crv: 'Ed25519',
  kid: id,
  x: Buffer.from(id.padEnd(32)).toString('base64url'),
});

/** The rule of earlier versions. */
export const countingDoubts: Rules['doubts'] = (cells, silent, answering) => {
  const serving = cells.filter(({ id, state }) => state !== 'down' && (silent.has(id) || answering.has(id)));
  const lost = serving.filter(({ id }) => silent.has(id));
  return new Map(lost.length * 2 > serving.length ? lost.map(({ id }) => [id, 'held' as const]) : []);
};

/** How a way between two places is. */
export interface Way {
  readonly how: 'silent' | 'refused' | 'slow';
  readonly extraMs?: number;
}

/** An effect that must happen once. */
export interface Effect {
  readonly tenant: string;
  readonly cell: CellId;
  readonly begun: number;
}
