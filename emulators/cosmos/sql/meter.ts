// Counts the work of a query in steps, so that no query keeps the process from other requests.
import { queryTimeout } from '../errors.ts';
import type { Value } from '../json.ts';
import { QUERY_PAGE_STEPS, QUERY_SLICE_STEPS, QUERY_TOTAL_STEPS, QUERY_UNBROKEN_STEPS } from '../limits.ts';

/** Characters of text that count as one step: searching and copying text is much cheaper than evaluating a node. */
const CHARS_PER_STEP = 32;

/** The limits of a meter, in steps; tests lower them. */
export interface MeterLimits {
  readonly slice: number;
  readonly unbroken: number;
  readonly page: number;
  readonly total: number;
}

const LIMITS: MeterLimits = {
  slice: QUERY_SLICE_STEPS,
  unbroken: QUERY_UNBROKEN_STEPS,
  page: QUERY_PAGE_STEPS,
  total: QUERY_TOTAL_STEPS,
};

/** The work of one request. One step is about the evaluation of one node of an expression. */
export class Meter {
  readonly #limits: MeterLimits;
  #used = 0;
  #sliceStart = 0;
  #limit: number;

  constructor(limits: MeterLimits = LIMITS) {
    this.#limits = limits;
    this.#limit = Math.min(limits.unbroken, limits.total);
  }

  /** Steps so far. */
  get used(): number {
    return this.#used;
  }

  /** Counts work, before it is done where its size is known; over the limit the query ends with a 408. */
  spend(steps: number): void {
    this.#used += steps;
    if (this.#used > this.#limit) throw queryTimeout();
  }

  /** Counts the handling of a value by its length; the depth of arrays and objects is counted by what walks it. */
  spendOn(value: Value): void {
    if (typeof value === 'string') this.spend(Math.floor(value.length / CHARS_PER_STEP));
    else if (Array.isArray(value)) this.spend(value.length);
  }

  /** Whether other requests should have a turn now. */
  get pauseDue(): boolean {
    return this.#used - this.#sliceStart >= this.#limits.slice;
  }

  /** Whether a page whose rows come in order has taken long enough to be sent as it is. */
  get pageDue(): boolean {
    return this.#used >= this.#limits.page;
  }

  /** Others have had their turn. */
  resumed(): void {
    this.#sliceStart = this.#used;
    this.#limit = Math.min(this.#used + this.#limits.unbroken, this.#limits.total);
  }
}
