// Interleaved rounds: every contender runs in every round, so that whatever disturbs the machine disturbs them all.

/** Something to be compared: does one round's work and says how many units of it were done. */
export interface Contender {
  readonly name: string;
  run(round: number): Promise<number>;
}

export interface RoundsOptions {
  readonly rounds: number;
  /** Rounds that are run first and not counted; 1 unless given. */
  readonly warmUp?: number;
  readonly progress?: (text: string) => void;
}

/** Units a second of each contender, by name, one figure a round. */
export type Rates = ReadonlyMap<string, readonly number[]>;

/** Runs all contenders in each round, each round beginning with another one of them. */
export async function interleave(
  contenders: readonly Contender[],
  { rounds, warmUp = 1, progress = () => undefined }: RoundsOptions,
): Promise<Rates> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < warmUp + rounds; round += 1) {
    progress(round < warmUp ? `warming up ${round + 1}/${warmUp}` : `round ${round - warmUp + 1}/${rounds}`);
    for (let place = 0; place < contenders.length; place += 1) {
      const contender = contenders[(place + round) % contenders.length];
      if (contender === undefined) continue;
      const began = performance.now();
      const units = await contender.run(round);
      const seconds = (performance.now() - began) / 1000;
      if (round >= warmUp) rates.get(contender.name)?.push(units / seconds);
    }
  }
  return rates;
}

/** The figures of one contender; an error in the benchmark itself if there are none. */
export function ratesOf(rates: Rates, name: string): readonly number[] {
  const found = rates.get(name);
  if (found === undefined) throw new TypeError(`No contender is called ${name}.`);
  return found;
}
