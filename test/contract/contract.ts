// Runs a port's clauses against one adapter, each with a fresh harness.
import { type ErrorCode, isPortError } from '../../core/ports/errors.ts';

export type Clause<Harness> = (harness: Harness) => Promise<void>;

/** Why an adapter cannot keep a clause, and a clause that holds in its place: the opposite is asserted, not assumed. */
export interface Exemption<Harness> {
  readonly reason: string;
  readonly instead: Clause<Harness>;
}

export type Exemptions<Name extends string, Harness> = Partial<Record<Name, Exemption<Harness>>>;

/** Clauses that cannot be tried at this server, which is no statement about it. They are reported as not run. */
export type Untried<Name extends string> = ReadonlySet<Name>;

/** Properties are drawn from this seed, so that a failure comes again; fast-check prints it with the counterexample. */
export const PROPERTY_SEED = 20_260_131;

/** The same exemption from each of these clauses. */
export const exemptFrom = <Name extends string, Harness>(
  clauses: Readonly<Record<Name, Clause<Harness>>>,
  exemption: Exemption<Harness>,
): Record<Name, Exemption<Harness>> =>
  Object.fromEntries(Object.keys(clauses).map((name) => [name, exemption])) as Record<Name, Exemption<Harness>>;

export function runContract<Harness extends { close(): Promise<void> }, Name extends string>(
  title: string,
  clauses: Readonly<Record<Name, Clause<Harness>>>,
  openHarness: () => Harness | Promise<Harness>,
  exempt: Exemptions<Name, Harness> = {},
  untried: Untried<Name> = new Set(),
): void {
  describe(`${title} (properties from seed ${PROPERTY_SEED})`, () => {
    let harness: Harness | undefined;
    // Not a `finally` of the clause: one that is still waiting when its time is over must let go of its emulators as well.
    afterEach(async () => {
      const open = harness;
      harness = undefined;
      await open?.close();
    });
    for (const name of Object.keys(clauses) as Name[]) {
      const exemption = exempt[name];
      (untried.has(name) ? test.skip : test)(
        exemption === undefined ? name : `exempt: ${name} (${exemption.reason})`,
        async () => {
          harness = await openHarness();
          await (exemption?.instead ?? clauses[name])(harness);
        },
      );
    }
  });
}

/** The code that `work` is rejected with, `none` if it is not. Anything but a port error fails the clause. */
export async function codeOf(work: Promise<unknown>): Promise<ErrorCode | 'none'> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (!isPortError(error)) throw error;
    return error.code;
  }
}

/** How often each code occurs among works that run at the same time. */
export async function countCodes(
  works: readonly Promise<unknown>[],
): Promise<Partial<Record<ErrorCode | 'none', number>>> {
  const counts: Partial<Record<ErrorCode | 'none', number>> = {};
  for (const code of await Promise.all(works.map(codeOf))) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

/** `count` values made from their indices. */
export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
