// Says what is wrong with a journal: where the damage is, what it is, and what can still be read.
import { constants, copyFileSync } from 'node:fs';
import type { Damage, Decoded } from './records.ts';

/** Damaged stretches that a report lists one by one. */
const LISTED = 10;
/** Copies of damaged journals that one directory may hold. */
const MAX_COPIES = 100;

/** A journal that is damaged before its end. */
export class JournalDamagedError extends Error {
  override name = 'JournalDamagedError';
  readonly file: string;
  readonly damage: readonly Damage[];
  /** Records that can be read. */
  readonly readable: number;

  constructor(file: string, { damage, records }: Decoded) {
    super(
      `${describeDamage(file, damage, records.length)} Nothing was changed. To go on with what can be read, start with --recover ` +
        '(option recover: true): the damaged file is kept beside the new one. Messages may then be missing, or be there again that had been settled.',
    );
    this.file = file;
    this.damage = damage;
    this.readable = records.length;
  }
}

/** One or more sentences about the damage. */
export function describeDamage(file: string, damage: readonly Damage[], readable: number): string {
  const places = damage
    .slice(0, LISTED)
    .map(
      ({ at, bytes, before, reason }) =>
        `at byte ${at}, in record ${before + 1}: ${reason}; ${bytes} bytes cannot be read, ${before} records before them and ${readable - before} after them can.`,
    );
  const more = damage.length > LISTED ? ` There are ${damage.length - LISTED} more such places.` : '';
  return `The journal ${file} is damaged ${places.join(' It is damaged ')}${more}`;
}

/** Copies a damaged journal to a name beside it that is free; returns the name. */
export function keepDamaged(file: string): string {
  for (let number = 1; number <= MAX_COPIES; number++) {
    const copy = `${file}.damaged-${number}`;
    try {
      copyFileSync(file, copy, constants.COPYFILE_EXCL);
      return copy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error(`There are ${MAX_COPIES} copies of damaged journals beside ${file}; remove those you do not need.`);
}
