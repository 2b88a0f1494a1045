// Searches all states of a model, breadth first, so that a counterexample is as short as it can be.

export interface Model<State> {
  readonly first: State;
  /** States that are seen at most. */
  readonly states: number;
  /** The same for states between which nothing decides. */
  keyOf(state: State): string;
  /** What may happen next, and the state then. */
  stepsOf(state: State): Iterable<readonly [what: string, next: State]>;
  /** What is to be said of a state that must not be, behind the steps to it; `null` for any other one. Asked once of each. */
  faultOf(state: State, what: string): readonly string[] | null;
}

export interface Found {
  readonly states: number;
  /** The steps to what must not be, as few as possible; `null` if there are none. */
  readonly counterexample: readonly string[] | null;
  /** Whether all states within the bounds were seen. */
  readonly complete: boolean;
}

export function breadthFirst<State>({ first, states, keyOf, stepsOf, faultOf }: Model<State>): Found {
  const queue: { readonly state: State; readonly from: number; readonly what: string }[] = [
    { state: first, from: -1, what: '' },
  ];
  const seen = new Set([keyOf(first)]);
  const path = (index: number): string[] => {
    const entry = queue[index];
    return entry === undefined || entry.from === -1 ? [] : [...path(entry.from), entry.what];
  };
  for (let index = 0; index < queue.length; index += 1) {
    const entry = queue[index];
    if (entry === undefined) break;
    for (const [what, state] of stepsOf(entry.state)) {
      const key = keyOf(state);
      if (seen.has(key)) continue;
      seen.add(key);
      const fault = faultOf(state, what);
      if (fault !== null)
        return { states: seen.size, counterexample: [...path(index), what, ...fault], complete: false };
      if (seen.size > states) return { states: seen.size, counterexample: null, complete: false };
      queue.push({ state, from: index, what });
    }
  }
  return { states: seen.size, counterexample: null, complete: true };
}
