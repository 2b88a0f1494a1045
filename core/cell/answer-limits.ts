// Limits of the size of an API answer, and the size of a part of one in its largest encoding.
import { utf8Length } from '../lib/text.ts';

export const ANSWER_LIMITS = {
  /**
   * A page ends before an item that would make it longer than this. Lambda's responses are limited to 6 MiB
   * (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); half of it is left for what is added in one step.
   */
  pageBytes: 3 * 1024 * 1024,
} as const;

/** Bytes that a value adds to an answer. The answer is a string within Lambda's JSON, so everything is escaped twice. */
export const answerBytes = (value: unknown): number => utf8Length(JSON.stringify(JSON.stringify(value)));
