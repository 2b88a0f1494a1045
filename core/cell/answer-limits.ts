// How large an answer of the API may get, and how large a part of one is, in the form in which it weighs most.
import { utf8Length } from '../lib/text.ts';

export const ANSWER_LIMITS = {
  /**
   * A page takes no further item that would make it longer than this. Lambda hands an answer over in 6 MiB at most
   * (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); half of it is left for what is added in one go.
   */
  pageBytes: 3 * 1024 * 1024,
} as const;

/** Bytes that a value adds to an answer. The answer's text is a text within Lambda's JSON, so what is escaped is escaped twice. */
export const answerBytes = (value: unknown): number => utf8Length(JSON.stringify(JSON.stringify(value)));
