// Remembers message ids for the length of a duplicate-detection window.

/** The ids seen of late. */
export class DuplicateWindow {
  private readonly seen = new Map<string, number>();

  /** Notes an id; false if it was noted less than `windowMs` ago. */
  note(id: string, now: number, windowMs: number): boolean {
    this.prune(now - windowMs);
    if (this.seen.has(id)) return false;
    this.seen.set(id, now);
    return true;
  }

  /** Notes an id that was seen before a restart. */
  restore(id: string, at: number): void {
    this.seen.set(id, at);
  }

  entries(): Iterable<[string, number]> {
    return this.seen;
  }

  clear(): void {
    this.seen.clear();
  }

  private prune(before: number): void {
    for (const [id, at] of this.seen) {
      if (at > before) return;
      this.seen.delete(id);
    }
  }
}
