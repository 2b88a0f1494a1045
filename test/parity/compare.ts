// Holds two cells' answers against each other: what differs, and whether the list of allowed differences knows it.
import type { Played } from './player.ts';

/** An expected difference. Both sides must have the form that it states. */
export interface Allowed {
  readonly id: string;
  readonly reason: string;
  /** `status`, `header <name>`, `body` for the whole of it, or `body <JSON pointer>` with `*` for any one segment. */
  readonly at: string;
  /** Names of requests, as a regular expression; every one without it. */
  readonly requests?: string;
  /**
   * What each side must look like, as a regular expression; a header that is not there is an empty text. `{cell}`, `{cloud}`
   * and `{region}` stand for the side's own.
   */
  readonly aws: string;
  readonly azure: string;
}

/** What a cell says of itself. */
export interface Side {
  readonly cell: string;
  readonly cloud: string;
  readonly region: string;
}

export interface Sides {
  readonly aws: Side;
  readonly azure: Side;
}

export interface Difference {
  readonly group: string;
  readonly name: string;
  readonly page: number;
  readonly at: string;
  readonly aws: string;
  readonly azure: string;
  /** The id of the entry that allows it. */
  readonly allowedBy?: string;
}

type Found = Pick<Difference, 'at' | 'aws' | 'azure'>;

/** All differences between two answers to the same request. */
export function compare(aws: Played, azure: Played, allowed: readonly Allowed[], sides: Sides): Difference[] {
  const known = (found: Found) =>
    allowed.find(
      (entry) =>
        reaches(entry.at, found.at) &&
        (entry.requests === undefined || new RegExp(entry.requests).test(aws.name)) &&
        fits(entry.aws, found.aws, sides.aws) &&
        fits(entry.azure, found.azure, sides.azure),
    );
  const differences: Difference[] = [];
  const add = (found: Found) => {
    const entry = known(found);
    const { group, name, page } = aws;
    differences.push({ group, name, page, ...found, ...(entry !== undefined && { allowedBy: entry.id }) });
  };
  const [one, two] = [aws.answer, azure.answer];
  if (one.status !== two.status) add({ at: 'status', aws: String(one.status), azure: String(two.status) });
  for (const name of new Set([...Object.keys(one.headers), ...Object.keys(two.headers)])) {
    const [left, right] = [one.headers[name] ?? '', two.headers[name] ?? ''];
    if (left !== right) add({ at: `header ${name}`, aws: left, azure: right });
  }
  if (one.body !== two.body) {
    const whole = { at: 'body', aws: one.body, azure: two.body };
    if (known(whole) !== undefined) add(whole);
    else for (const found of bodies(one.body, two.body)) add(found);
  }
  return differences;
}

/** Entries that allow nothing that occurred: what they stood for is over, and so they must be. */
export const unused = (allowed: readonly Allowed[], differences: readonly Difference[]): Allowed[] =>
  allowed.filter(({ id }) => !differences.some(({ allowedBy }) => allowedBy === id));

function reaches(pattern: string, at: string): boolean {
  const parts = pattern.split('/');
  const found = at.split('/');
  return parts.length === found.length && parts.every((part, index) => part === '*' || part === found[index]);
}

function fits(pattern: string, value: string, side: Side): boolean {
  const own = pattern.replace(/\{(cell|cloud|region)\}/g, (_all, name: keyof Side) => side[name]);
  return new RegExp(`^(?:${own})$`).test(value);
}

/** Both bodies in JSON: value by value. Otherwise, or if only their bytes differ: the whole. */
function bodies(aws: string, azure: string): Found[] {
  const [left, right] = [parsed(aws), parsed(azure)];
  if (left === undefined || right === undefined) return [{ at: 'body', aws, azure }];
  const found = values(left.value, right.value, 'body ');
  const faithful = JSON.stringify(left.value) === aws && JSON.stringify(right.value) === azure;
  return found.length > 0 && faithful ? found : [...found, { at: 'body', aws, azure }];
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function values(aws: unknown, azure: unknown, at: string): Found[] {
  const [left, right] = [JSON.stringify(aws), JSON.stringify(azure)];
  if (left === right) return [];
  const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  if (!isObject(aws) || !isObject(azure) || Array.isArray(aws) !== Array.isArray(azure))
    return [{ at, aws: text(aws), azure: text(azure) }];
  // The order of the members counts: the bytes are the contract.
  if (Object.keys(aws).join('\n') !== Object.keys(azure).join('\n')) return [{ at, aws: left, azure: right }];
  return Object.keys(aws).flatMap((key) => values(aws[key], azure[key], `${at}/${key}`));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
