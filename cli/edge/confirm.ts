// Says where a change goes, and has changes of protected profiles confirmed.
import { createInterface } from 'node:readline/promises';
import { type CommandContext, UsageError, UserError } from '../command.ts';
import type { Connection } from './connection.ts';

export interface Question {
  /** The name of what is changed. */
  readonly name: string;
  /** What makes sure that what was looked at is what is changed; `undefined` if that is given. */
  readonly missing: string | undefined;
  /** Shows the effect first; for people at a terminal. */
  readonly preview?: () => Promise<void>;
}

/** @throws UsageError, UserError if the change is not confirmed */
export async function confirm(
  { where, isProtected }: Connection,
  { options, err }: Pick<CommandContext, 'options' | 'err'>,
  { name, missing, preview }: Question,
  terminal = process.stdin.isTTY && process.stderr.isTTY ? typed : undefined,
): Promise<void> {
  err(`Going to ${where}`);
  if (!isProtected) return;
  if (options.yes === true) {
    if (missing !== undefined) throw new UsageError(`This edge is protected: with --yes, give ${missing}.`);
    return;
  }
  if (terminal === undefined)
    throw new UsageError(
      `This edge is protected: type ${name} at a terminal, or give --yes${missing === undefined ? '' : ` and ${missing}`}.`,
    );
  await preview?.();
  if ((await terminal(`This edge is protected. Type ${name} to go on: `)) !== name)
    throw new UserError('Nothing was changed: the name was not typed.');
}

async function typed(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}
