// Registers: an item whose fields each keep the value that was written last, by an order that all cells of a tenant agree on.
import { parseTime } from '../events/time.ts';
import { sameJson } from '../lib/same-json.ts';
import { type EpochMs, epochMs } from '../ports/clock.ts';
import type { Json } from '../ports/json.ts';

/** What orders writes: the epoch, then the time, then the cell, then the event's identity. No two writes of an item are equal in it. */
export interface Stamp {
  /** Under which the event was accepted. */
  readonly epoch: number;
  /** The event's place in the log of its subject: its time, and a fingerprint of its source and id. */
  readonly position: string;
  /** The cell that accepted it; empty if that is unknown. */
  readonly origin: string;
}

/** What an event writes into an item. */
export interface Assignment {
  /** Field → value. The fields that it does not name stay as they are. */
  readonly fields?: Readonly<Record<string, Json>>;
  /** The item is removed: everything that was written before. */
  readonly removed?: true;
  /** What the writer had seen of other cells, as `basisOf` says; unknown for an event that a client made itself. */
  readonly basis?: string | undefined;
}

/** One written value: the value, then the stamp, then the basis. */
type Register = readonly [value: Json, epoch: number, position: string, origin: string, basis?: string];

/** An item as it is stored. Equal for equal sets of writes, in whatever order and grouping they came. */
export type Item = {
  readonly fields: { readonly [name: string]: Register };
  readonly removed?: Register;
};

export const EMPTY: Item = { fields: {} };

const stampOf = ([, epoch, position, origin]: Register): Stamp => ({ epoch, position, origin });

/** Ends the time in a position. */
const AFTER_TIME = '!';
const timeOf = (position: string): string => position.slice(0, position.indexOf(AFTER_TIME) + 1);

/** Whether `a` was written before `b`. The wall clock decides only within one epoch, which is one cell's. */
export function isBefore(a: Stamp, b: Stamp): boolean {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch;
  const [x, y] = [timeOf(a.position), timeOf(b.position)];
  if (x !== y) return x < y;
  if (a.origin !== b.origin) return a.origin < b.origin;
  return a.position < b.position;
}

const later = (a: Register | undefined, b: Register | undefined): Register | undefined => {
  if (a === undefined || b === undefined) return a ?? b;
  return isBefore(stampOf(a), stampOf(b)) ? b : a;
};

/** An item after a single write. */
export function written(assignment: Assignment, { epoch, position, origin }: Stamp): Item {
  const { fields = {}, removed, basis } = assignment;
  const register = (value: Json): Register =>
    basis === undefined ? [value, epoch, position, origin] : [value, epoch, position, origin, basis];
  return joined(EMPTY, {
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, register(value)])),
    ...(removed && { removed: register(null) }),
  });
}

/**
 * What both together say: of each field the later value, without those that a removal has outlived. Commutative, associative and
 * idempotent.
 */
export function joined(a: Item, b: Item): Item {
  const removed = later(a.removed, b.removed);
  const names = [...new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])].sort();
  const fields = names.flatMap((name) => {
    const register = later(own(a.fields, name), own(b.fields, name));
    const isGone = register === undefined || (removed !== undefined && !isBefore(stampOf(removed), stampOf(register)));
    return isGone ? [] : [[name, register] as const];
  });
  return { fields: Object.fromEntries(fields), ...(removed !== undefined && { removed }) };
}

const own = (fields: Item['fields'], name: string): Register | undefined =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

const registersOf = ({ fields, removed }: Item): readonly Register[] => [
  ...Object.values(fields),
  ...(removed === undefined ? [] : [removed]),
];

/** The newest write of an item that still shows. */
export function newestOf(item: Item): Stamp | undefined {
  return registersOf(item)
    .map(stampOf)
    .reduce<Stamp | undefined>(
      (newest, stamp) => (newest !== undefined && isBefore(stamp, newest) ? newest : stamp),
      undefined,
    );
}

/** The fields of an item with their values; `undefined` for one that does not exist, or not any more. Fields without a value are left out. */
export function valuesOf({ fields }: Item): Readonly<Record<string, Json>> | undefined {
  const entries = Object.entries(fields);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.flatMap(([name, [value]]) => (value === null ? [] : [[name, value] as const])));
}

/** Whether an item holds something of another copy of this event, one that does not stand any more. */
export function holdsOther(item: Item, write: Item, { position }: Stamp): boolean {
  const isOther = (held: Register | undefined, register: Register | undefined) =>
    held?.[2] === position && !sameJson(held as Json, (register ?? null) as Json);
  return (
    isOther(item.removed, write.removed) ||
    Object.entries(item.fields).some(([name, held]) => isOther(held, own(write.fields, name)))
  );
}

/** A basis of writers that had seen nothing of other cells. */
const NOTHING = 'none';

/** Epoch, position and cell of the newest write of another cell. */
const BASIS = /^(\d{1,15})\/([0-9A-Za-z.:!_-]{1,64})\/([a-z0-9-]{0,63})$/;

/** The basis in an attribute; `undefined` for anything else that a client may have put there. */
export const readBasis = (value: unknown): string | undefined =>
  typeof value === 'string' && (value === NOTHING || BASIS.test(value)) ? value : undefined;

const textOf = ({ epoch, position, origin }: Stamp): string => `${epoch}/${position}/${origin}`;

const stampIn = (basis: string): Stamp | undefined => {
  const [, epoch, position = '', origin = ''] = BASIS.exec(basis) ?? [];
  return epoch === undefined ? undefined : { epoch: Number(epoch), position, origin };
};

/** What a write in this cell has seen of other cells: the newest write of another one that the item shows, or one of its own had seen. */
export function basisOf(item: Item, cell: string): string {
  const seen = registersOf(item).flatMap((register) => {
    const [, , , origin, basis] = register;
    if (origin !== cell) return [stampOf(register)];
    const before = basis === undefined ? undefined : stampIn(basis);
    return before === undefined ? [] : [before];
  });
  const newest = seen.reduce<Stamp | undefined>(
    (best, stamp) => (best !== undefined && isBefore(stamp, best) ? best : stamp),
    undefined,
  );
  return newest === undefined ? NOTHING : textOf(newest);
}

/** A write that lost against one which had not seen it, and the fields that it lost; a removal concerns them all. */
export interface Collision {
  readonly loser: Stamp;
  readonly winner: Stamp;
  readonly fields: readonly string[];
}

/** The collisions of a write with what an item holds. */
export function collisionsOf(item: Item, write: Item): readonly Collision[] {
  const found = new Map<string, { loser: Stamp; winner: Stamp; fields: string[] }>();
  const compare = (name: string, a: Register, b: Register) => {
    const [lost, won] = isBefore(stampOf(a), stampOf(b)) ? [a, b] : [b, a];
    if (lost[3] === won[3] || won[4] === undefined) return;
    const seen = stampIn(won[4]);
    if (seen !== undefined && !isBefore(seen, stampOf(lost))) return;
    const key = `${lost[2]} ${won[2]}`;
    const collision = found.get(key) ?? { loser: stampOf(lost), winner: stampOf(won), fields: [] };
    collision.fields.push(name);
    found.set(key, collision);
  };
  for (const [name, register] of Object.entries(write.fields)) {
    const held = own(item.fields, name);
    if (held !== undefined && !sameJson(held[0], register[0])) compare(name, held, register);
    if (item.removed !== undefined) compare(name, item.removed, register);
  }
  if (write.removed !== undefined)
    for (const [name, register] of Object.entries(item.fields)) compare(name, register, write.removed);
  return [...found.values()];
}

/** Microseconds in a millisecond. */
const MICROS = 1000;

/**
 * A hybrid logical time for a write of this epoch to an item: the cell's clock, or right behind the newest write that the item shows, if
 * that is later. Only writes of this epoch or a later one are gone behind: others come before it whatever their time. How far it may run ahead of
 * the clock is bounded where events are accepted (`EVENT_LIMITS.futureMs`).
 */
export function hybridTime(item: Item, epoch: number, now: EpochMs): string {
  const micros = registersOf(item)
    .filter((register) => register[1] >= epoch)
    .reduce((latest, register) => Math.max(latest, microsOf(register[2]) + 1), now * MICROS);
  const text = new Date(epochMs(Math.floor(micros / MICROS))).toISOString().slice(0, -1);
  const rest = micros % MICROS;
  return `${text}${rest === 0 ? '' : String(rest).padStart(3, '0')}Z`;
}

/** The time of a position in microseconds; finer digits are cut off. */
function microsOf(position: string): number {
  const text = timeOf(position).slice(0, -1);
  const fraction = text.split('.')[1] ?? '';
  return (parseTime(`${text}Z`)?.epochMs ?? 0) * MICROS + Number(fraction.slice(3, 6).padEnd(3, '0'));
}
