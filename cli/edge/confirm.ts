// Says where a change goes, and has changes of protected profiles confirmed, and those that cannot be undone.
import { createInterface } from 'node:readline/promises';
import { type CommandContext, UsageError, UserError } from '../command.ts';
import type { Connection } from './connection.ts';

export interface Question {
  /** The name of what is changed. */
  readonly name: string;
  /** What makes sure that what was looked at is what is changed; `undefined` if that is given. */
  readonly missing: string | undefined;
  /** Why it is asked at every edge, such as `This cannot be undone`; without it, only at a protected one. */
  readonly because?: string;
  /** Shows the effect first; for people at a terminal. */
  readonly preview?: () => Promise<void>;
}

/** @throws UsageError, UserError if the change is not confirmed */
export async function confirm(
  { where, isProtected, isOnly = false }: Connection,
  { options, err }: Pick<CommandContext, 'options' | 'err'>,
  { name, missing, because, preview }: Question,
  terminal = process.stdin.isTTY && process.stderr.isTTY ? typed : undefined,
): Promise<void> {
  if (!isOnly) err(`Going to ${where}`);
  if (!isProtected && because === undefined) return;
  const why = because ?? 'This edge is protected';
  if (options.yes === true) {
    if (missing !== undefined) throw new UsageError(`${why}: with --yes, give ${missing}.`);
    return;
  }
  if (terminal === undefined)
    throw new UsageError(
      `${why}: type ${name} at a terminal, or give --yes${missing === undefined ? '' : ` and ${missing}`}.`,
    );
  await preview?.();
  if ((await terminal(`${why}. Type ${name} to go on: `)) !== name)
    throw new UserError('Nothing was changed: the name was not typed.');
}

/** What is typed at a terminal; nothing after Ctrl-C or Ctrl-D, which leave the question without an answer. */
export async function typed(
  question: string,
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  const terminal = createInterface({ input, output, terminal: true });
  // Not every release of Node.js ends a question whose terminal is closed.
  const given = new AbortController();
  terminal.once('SIGINT', () => given.abort());
  terminal.once('close', () => given.abort());
  try {
    return (await terminal.question(question, { signal: given.signal })).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ABORT_ERR') throw error;
    return '';
  } finally {
    terminal.close();
  }
}
