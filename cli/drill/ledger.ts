// What a drill's clients were promised and what was found of it: two bytes an event, however long the drill.

/** Events of one drill at most: with these it remembers in 10 MB what became of each. */
export const LEDGER_EVENTS = 5_000_000;

/** Maximum number of cells in a ledger. */
export const LEDGER_CELLS = 200;

export interface LedgerSummary {
  readonly acknowledged: number;
  /** By the cell that acknowledged them. */
  readonly acknowledgedBy: Readonly<Record<string, number>>;
  /** Acknowledged, and found in no cell. */
  readonly lost: number;
  /** Acknowledged by a cell that does not have them, though another one does. */
  readonly misplaced: number;
  /** Found more than once in the log of one cell. */
  readonly doubled: number;
  /** Found in the logs of several cells: a request that was repeated at the standby. Logs are sets; their union has it once. */
  readonly inSeveralLogs: number;
  /** Found, and never acknowledged: the answer was lost on its way. */
  readonly unacknowledged: number;
  /** Numbers of the first lost events. */
  readonly examples: readonly number[];
}

/** Lost events that are named. */
const EXAMPLES = 10;

/** Events that were acknowledged until some moment, and which of them a reading has found since. */
export class Promised {
  readonly acknowledged: number;
  readonly #wanted: Uint8Array;
  #seen: Uint8Array;
  #missing: number;
  #twice = 0;

  constructor(acknowledged: number, wanted: Uint8Array) {
    this.acknowledged = acknowledged;
    this.#wanted = wanted;
    this.#seen = new Uint8Array(wanted.length);
    this.#missing = acknowledged;
  }

  /** Begins another reading of everything. */
  begin(): void {
    this.#seen = new Uint8Array(this.#wanted.length);
    this.#missing = this.acknowledged;
    this.#twice = 0;
  }

  /** The reading has event `number`; what was acknowledged later counts only if it is there twice. */
  find(number: number): void {
    const byte = number >> 3;
    const mask = 1 << (number % 8);
    if (!(number >= 0 && byte < this.#seen.length)) return;
    if (((this.#seen[byte] ?? 0) & mask) !== 0) this.#twice += 1;
    else if (((this.#wanted[byte] ?? 0) & mask) !== 0) this.#missing -= 1;
    this.#seen[byte] = (this.#seen[byte] ?? 0) | mask;
  }

  /** Acknowledged, and not found by this reading. */
  get missing(): number {
    return this.#missing;
  }

  /** Found more than once by this reading. */
  get twice(): number {
    return this.#twice;
  }
}

/**
 * Events are numbered from 0; identity, tenant and time follow from the number, so that nothing else needs to be kept. Each number has
 * the cell that acknowledged it, and each cell's log is compared with that in one pass.
 */
export class Ledger {
  readonly #acknowledged: Uint8Array;
  readonly #found: Uint8Array;
  readonly #inLog: Uint8Array;
  readonly #rightly: Uint8Array;
  readonly #cells: string[] = [];
  #doubled = 0;

  /** `events`: numbers that may be used, `LEDGER_EVENTS` at most. */
  constructor(events: number) {
    if (!(events >= 1 && events <= LEDGER_EVENTS)) throw new RangeError(`A ledger has 1 to ${LEDGER_EVENTS} events.`);
    this.#acknowledged = new Uint8Array(events);
    this.#found = new Uint8Array(events);
    const bits = Math.ceil(events / 8);
    this.#inLog = new Uint8Array(bits);
    this.#rightly = new Uint8Array(bits);
  }

  /** Event `number` was acknowledged by this cell; a later acknowledgement does not change the first. */
  acknowledge(number: number, cell: string): void {
    if (this.#acknowledged[number] === 0) this.#acknowledged[number] = this.#indexOf(cell);
  }

  /**
   * What was acknowledged until now, to be compared with what clients see through the edge. It takes two bits an event, beside the ledger's own
   * memory.
   */
  promised(): Promised {
    const wanted = new Uint8Array(this.#inLog.length);
    let acknowledged = 0;
    for (const [number, cell] of this.#acknowledged.entries()) {
      if (cell === 0) continue;
      acknowledged += 1;
      wanted[number >> 3] = (wanted[number >> 3] ?? 0) | (1 << (number % 8));
    }
    return new Promised(acknowledged, wanted);
  }

  /** Begins to compare with another cell's log. */
  beginLog(): void {
    this.#inLog.fill(0);
  }

  /** The log of the cell has event `number`. Numbers that were never sent are ignored. */
  find(number: number, cell: string): void {
    if (!(number >= 0 && number < this.#found.length)) return;
    const mask = 1 << (number % 8);
    const byte = number >> 3;
    if (((this.#inLog[byte] ?? 0) & mask) !== 0) {
      this.#doubled += 1;
      return;
    }
    this.#inLog[byte] = (this.#inLog[byte] ?? 0) | mask;
    this.#found[number] = Math.min(255, (this.#found[number] ?? 0) + 1);
    if (this.#acknowledged[number] === this.#indexOf(cell)) this.#rightly[byte] = (this.#rightly[byte] ?? 0) | mask;
  }

  summary(): LedgerSummary {
    const by = new Map<string, number>();
    const examples: number[] = [];
    let acknowledged = 0;
    let lost = 0;
    let misplaced = 0;
    let inSeveralLogs = 0;
    let unacknowledged = 0;
    for (const [number, index] of this.#acknowledged.entries()) {
      const found = this.#found[number] ?? 0;
      if (found > 1) inSeveralLogs += 1;
      if (index === 0) {
        if (found > 0) unacknowledged += 1;
        continue;
      }
      acknowledged += 1;
      const cell = this.#cells[index - 1] ?? '';
      by.set(cell, (by.get(cell) ?? 0) + 1);
      if (found === 0) {
        lost += 1;
        if (examples.length < EXAMPLES) examples.push(number);
      } else if (((this.#rightly[number >> 3] ?? 0) & (1 << (number % 8))) === 0) misplaced += 1;
    }
    return {
      acknowledged,
      acknowledgedBy: Object.fromEntries(by),
      lost,
      misplaced,
      doubled: this.#doubled,
      inSeveralLogs,
      unacknowledged,
      examples,
    };
  }

  #indexOf(cell: string): number {
    const known = this.#cells.indexOf(cell);
    if (known >= 0) return known + 1;
    if (this.#cells.length === LEDGER_CELLS)
      throw new RangeError(`A ledger distinguishes at most ${LEDGER_CELLS} cells.`);
    return this.#cells.push(cell);
  }
}
