// Compiled patterns kept by their text, because a query tests every document with the same one.

/** Patterns up to a total length of their texts; when it is reached, all are dropped. */
export class PatternCache<T> {
  readonly #limit: number;
  readonly #known = new Map<string, T>();
  #chars = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The compiled form of a text, made when it is not there. */
  get(text: string, compile: () => T): T {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const compiled = compile();
    if (this.#chars + text.length > this.#limit) {
      this.#known.clear();
      this.#chars = 0;
    }
    this.#known.set(text, compiled);
    this.#chars += text.length;
    return compiled;
  }

  /** Texts kept. */
  get size(): number {
    return this.#known.size;
  }
}
