// A binary min-heap: the cheapest order for items that mostly arrive sorted already.

/** Hands out its items in ascending order. */
export class MinHeap<T> {
  private readonly items: T[] = [];
  private readonly rank: (item: T) => number;

  constructor(rank: (item: T) => number) {
    this.rank = rank;
  }

  get size(): number {
    return this.items.length;
  }

  /** The smallest item, which stays. */
  peek(): T | undefined {
    return this.items[0];
  }

  push(item: T): void {
    const { items, rank } = this;
    let index = items.length;
    const own = rank(item);
    items.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = items[parent] as T;
      if (rank(above) <= own) break;
      items[index] = above;
      index = parent;
    }
    items[index] = item;
  }

  /** Takes the smallest item out. */
  pop(): T | undefined {
    const { items, rank } = this;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    const own = rank(last);
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && rank(items[child + 1] as T) < rank(items[child] as T)) child++;
      if (rank(items[child] as T) >= own) break;
      items[index] = items[child] as T;
      index = child;
    }
    items[index] = last;
    return top;
  }

  clear(): void {
    this.items.length = 0;
  }
}
