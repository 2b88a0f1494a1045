// Aggregates: how each one starts, takes values and ends.
import { canonicalText, compareAnyType, type Json, type Value } from '../json.ts';
import type { Meter } from './meter.ts';

/** An aggregate over the rows of one group. */
export interface Accumulator {
  add(value: Value, meter: Meter): void;
  /** The final value. */
  result(): Value;
}

class Count implements Accumulator {
  #count = 0;
  add(value: Value): void {
    if (value !== undefined) this.#count += 1;
  }
  result(): Value {
    return this.#count;
  }
}

class CountIf implements Accumulator {
  #count = 0;
  add(value: Value): void {
    if (value === true) this.#count += 1;
  }
  result(): Value {
    return this.#count;
  }
}

/** Sum and average: a single value that is not a number makes the whole undefined; missing ones are skipped. */
class Sum implements Accumulator {
  readonly #average: boolean;
  #sum = 0;
  #count = 0;
  #valid = true;

  constructor(average: boolean) {
    this.#average = average;
  }
  add(value: Value): void {
    if (value === undefined) return;
    if (typeof value !== 'number') this.#valid = false;
    else {
      this.#sum += value;
      this.#count += 1;
    }
  }
  result(): Value {
    if (!this.#valid) return undefined;
    if (!this.#average) return this.#sum;
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }
}

/** Least or greatest value in the order of ORDER BY; arrays and objects are not compared. */
class Extreme implements Accumulator {
  readonly #sign: number;
  #value: Value;
  #count = 0;
  #valid = true;

  constructor(sign: number) {
    this.#sign = sign;
  }
  add(value: Value): void {
    if (value === undefined) return;
    if (typeof value === 'object' && value !== null) {
      this.#valid = false;
      return;
    }
    this.#count += 1;
    if (this.#value === undefined || compareAnyType(value, this.#value) * this.#sign > 0) this.#value = value;
  }
  result(): Value {
    return this.#valid ? this.#value : undefined;
  }
}

class List implements Accumulator {
  readonly #values: Json[] = [];

  add(value: Value, meter: Meter): void {
    if (value === undefined) return;
    meter.spend(1);
    this.#values.push(value);
  }
  result(): Value {
    return this.#values;
  }
}

/** The values by their texts: comparing each with all others would take the square of their number. */
class DistinctList implements Accumulator {
  readonly #values = new Map<string, Json>();

  add(value: Value, meter: Meter): void {
    if (value === undefined) return;
    const text = canonicalText(value);
    meter.spend(1);
    meter.spendOn(text);
    if (!this.#values.has(text)) this.#values.set(text, value);
  }
  result(): Value {
    return [...this.#values.values()];
  }
}

/** A fresh accumulator for an aggregate's name. */
export function accumulator(name: string): Accumulator {
  switch (name) {
    case 'COUNT':
      return new Count();
    case 'COUNTIF':
      return new CountIf();
    case 'SUM':
      return new Sum(false);
    case 'AVG':
      return new Sum(true);
    case 'MIN':
      return new Extreme(-1);
    case 'MAX':
      return new Extreme(1);
    case 'MAKELIST':
      return new List();
    case 'MAKESET':
      return new DistinctList();
    default:
      throw new Error(`${name} is not an aggregate.`);
  }
}
