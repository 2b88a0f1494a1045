// What an emulator is known not to represent, with reasons: infra/emulator/<emulator>.json, and how what was found is judged by it.

import { OPTIONS, type Option } from './deployment.ts';
import { canonical, type Json, meaning, text } from './json.ts';

/** Something that is not as declared: a change that a second plan wants, or a fact that the API reports. */
export interface Found {
  /** Kind of what it is about, such as `aws_lambda_function.this` or `function`. */
  readonly kind: string;
  /** What it is about, in full. */
  readonly about: string;
  /** Attribute or fact; '' for the whole. */
  readonly part: string;
  readonly declared: Json;
  readonly seen: Json;
}

/** A difference that is known. */
export interface Known {
  readonly kind: string;
  readonly part: string;
  /** A regular expression for all of what is seen, as JSON, or the name of a rule in `RULES`. */
  readonly seen: string;
  /** The option without which it does not occur. */
  readonly with?: Option;
  /** The apply leaves the attribute out, as it would fail; the plan that follows has it. */
  readonly omit?: true;
  readonly reason: string;
}

/** The list of one emulator. */
export interface KnownList {
  readonly emulator: string;
  /** The version that it was tried with. */
  readonly version: string;
  /** Of the second plan. */
  readonly plan: readonly Known[];
  /** Of what the API reports. */
  readonly api: readonly Known[];
}

export const NOTHING_KNOWN: KnownList = { emulator: 'unknown', version: '', plan: [], api: [] };

/** What is wrong with a list; nothing if it can be used. */
export function listFaults({ plan, api }: KnownList): readonly string[] {
  return [...plan, ...api].flatMap((each) => {
    const at = `${each.kind} ${each.part}`;
    return [
      ...(each.reason.trim() === '' ? [`${at} has no reason.`] : []),
      ...(each.with !== undefined && !OPTIONS.includes(each.with) ? [`${at}: there is no option ${each.with}.`] : []),
      ...(each.omit === true && !/^aws_\w+\.\w+$/.test(each.kind) ? [`${at}: only an attribute can be left out.`] : []),
    ];
  });
}

/** What cannot be said by an expression: what is seen depends on what is declared. */
const RULES: Readonly<Record<string, (found: Found) => boolean>> = {
  'same JSON': ({ seen, declared }) => canonical(meaning(seen)) === canonical(meaning(declared)),
  'a version in the place of its alias': ({ seen, declared }) => text(seen).replace(/:\d+$/, ':live') === declared,
};

const matches = (known: Known, found: Found): boolean => {
  if (known.kind !== found.kind || known.part !== found.part) return false;
  const rule = RULES[known.seen];
  if (rule !== undefined) return rule(found);
  return new RegExp(`^(?:${known.seen})$`).test(JSON.stringify(found.seen));
};

/** What was found and is not known, and what is known and was not found. */
export interface Judgement {
  readonly unknown: readonly Found[];
  readonly stale: readonly Known[];
  /** How many differences each entry has explained, in the order of the list. */
  readonly explained: readonly { readonly known: Known; readonly times: number }[];
}

export function judge(found: readonly Found[], list: readonly Known[], options: ReadonlySet<Option>): Judgement {
  const inUse = list.filter((each) => each.with === undefined || options.has(each.with));
  const explained = inUse.map((known) => ({ known, times: found.filter((each) => matches(known, each)).length }));
  return {
    unknown: found.filter((each) => !inUse.some((known) => matches(known, each))),
    stale: explained.filter(({ times }) => times === 0).map(({ known }) => known),
    explained: explained.filter(({ times }) => times > 0),
  };
}

/** Characters of a value that a line shows. */
const SHOWN = 160;

const short = (value: Json): string => {
  const written = JSON.stringify(value);
  return written.length <= SHOWN ? written : `${written.slice(0, SHOWN)}…`;
};

export const describeFound = ({ about, part, declared, seen }: Found): string =>
  part === ''
    ? `${about}: ${short(seen)}, not ${short(declared)}`
    : `${about}: ${part} is ${short(seen)}, not ${short(declared)}`;

/** The override file that leaves out what cannot be applied, by the names of resources; '' if all can. */
export function omissions(list: readonly Known[]): string {
  const left = list.filter(({ omit }) => omit === true);
  return left
    .map(({ kind, part }) => {
      const [type = '', name = ''] = kind.split('.');
      return `resource "${type}" "${name}" {\n  ${part} = null\n}\n`;
    })
    .join('\n');
}
