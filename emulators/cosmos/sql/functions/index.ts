// All built-in functions by name, and the names of those the emulator refuses.
import { queryError, unsupported } from '../../errors.ts';
import { DATE_FUNCTIONS } from './dates.ts';
import { MATH_FUNCTIONS } from './math.ts';
import { STRING_FUNCTIONS } from './strings.ts';
import type { BuiltIn } from './types.ts';
import { VALUE_FUNCTIONS } from './values.ts';

const ALL: ReadonlyMap<string, BuiltIn> = new Map(
  [STRING_FUNCTIONS, MATH_FUNCTIONS, VALUE_FUNCTIONS, DATE_FUNCTIONS].flatMap((table) => Object.entries(table)),
);

/** Functions of the service that need an index or engine the emulator does not have. */
const REFUSED = /^(ST_|FULLTEXT|VECTORDISTANCE$|RRF$)/;

/** The built-in with a name; an unknown one and a wrong number of arguments are the service's errors. */
export function builtIn(name: string, args: number, span: { start: number; end: number }): BuiltIn {
  const found = ALL.get(name);
  if (found === undefined) {
    if (REFUSED.test(name)) throw unsupported(`The function ${name}`);
    throw queryError('SC2005', `'${name}' is not a recognized built-in function name.`, span);
  }
  if (args < found.min || args > found.max) {
    const wanted = found.min === found.max ? `${found.min}` : `${found.min} to ${found.max}`;
    throw queryError('SC2050', `The ${name} function requires ${wanted} argument(s).`, span);
  }
  return found;
}
