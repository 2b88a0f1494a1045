// Tables on the terminal: aligned columns, page by page, however long the list.

/** A column: its title, and what it shows of an item. */
export interface Column<T> {
  readonly title: string;
  readonly of: (item: T) => string | number;
}

/** Prints rows under a header as they come; a later page is as wide as the ones before it, or wider. */
export class Table<T> {
  readonly #columns: readonly Column<T>[];
  readonly #out: (line: string) => void;
  #widths: readonly number[];
  #begun = false;

  constructor(columns: readonly Column<T>[], out: (line: string) => void) {
    this.#columns = columns;
    this.#out = out;
    this.#widths = columns.map(({ title }) => title.length);
  }

  /** Prints a page. */
  add(items: readonly T[]): void {
    const rows = items.map((item) => this.#columns.map(({ of }) => printable(of(item))));
    this.#widths = this.#widths.map((width, column) =>
      Math.max(width, ...rows.map((row) => String(row[column] ?? '').length)),
    );
    if (!this.#begun) this.#print(this.#columns.map(({ title }) => title));
    this.#begun = true;
    for (const row of rows) this.#print(row);
  }

  #print(row: readonly (string | number)[]): void {
    const cells = row.map((value, column) => {
      const width = this.#widths[column] ?? 0;
      return typeof value === 'number' ? String(value).padStart(width) : value.padEnd(width);
    });
    this.#out(cells.join('  ').trimEnd());
  }
}

/** Control characters would be executed by a terminal. */
const printable = (value: string | number): string | number =>
  typeof value === 'string' ? value.replace(/\p{Cc}/gu, '\ufffd') : value;

/** A number and what is counted: `1 tenant`, `2 tenants`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
