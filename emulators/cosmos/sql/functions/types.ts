// What a built-in function of the query language is.
import { queryTimeout } from '../../errors.ts';
import type { Value } from '../../json.ts';
import { MAX_BUILT_CHARS } from '../../limits.ts';
import type { Meter } from '../meter.ts';

/** Things a function may depend on besides its arguments. */
export interface FunctionContext {
  /** Milliseconds; the same for the whole query. */
  readonly now: number;
  /** Counts work; what grows with the lengths of the arguments alone is counted by the caller. */
  readonly meter: Meter;
}

/** Counts the building of a text, before it is built; one that is too long ends the query. */
export function building(length: number, { meter }: FunctionContext): void {
  if (length > MAX_BUILT_CHARS) throw queryTimeout();
  meter.spend(Math.ceil(length / 32));
}

/** A built-in: how many arguments it takes and what it returns. `undefined` is the answer to a wrong type. */
export interface BuiltIn {
  readonly min: number;
  readonly max: number;
  readonly call: (args: readonly Value[], context: FunctionContext) => Value;
}

/** A table of built-ins by upper-case name. */
export type BuiltIns = Readonly<Record<string, BuiltIn>>;

/** A function of a fixed number of arguments. */
export const fixed = (count: number, call: BuiltIn['call']): BuiltIn => ({ min: count, max: count, call });

/** A function of one string. */
export const ofString = (f: (text: string) => Value): BuiltIn =>
  fixed(1, ([text]) => (typeof text === 'string' ? f(text) : undefined));

/** JSON has no NaN or infinity: such results are undefined. */
export const finite = (value: number): Value => (Number.isFinite(value) ? value : undefined);

/** A function of one number. */
export const ofNumber = (f: (value: number) => number): BuiltIn =>
  fixed(1, ([value]) => (typeof value === 'number' ? finite(f(value)) : undefined));

/** A function of two numbers. */
export const ofNumbers = (f: (a: number, b: number) => number): BuiltIn =>
  fixed(2, ([a, b]) => (typeof a === 'number' && typeof b === 'number' ? finite(f(a, b)) : undefined));
