// What a command of the command line is, and how its arguments are read and its failures told.
import { type ParseArgsConfig, parseArgs } from 'node:util';

export interface CommandContext {
  /** Arguments behind the options. */
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly json: boolean;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` shows below the usage line. */
  readonly usage: string;
  readonly example: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Option → what it does. `json`, `help` and `stack` are everybody's. */
  readonly describe: Readonly<Record<string, string>>;
  /** Positional arguments that it takes, at most. */
  readonly positionals?: number;
  run(context: CommandContext): Promise<number>;
}

/** A failure that the person at the terminal can do something about; told in one sentence, without a stack trace. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
}

/** Arguments that make no sense; told as a `UserError` is, with the exit code of a misspelt option. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
}

const common = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** Runs a command with its arguments; returns the exit code. */
export async function runCommand(name: string, command: Command, args: readonly string[]): Promise<number> {
  const out = (line: string) => void process.stdout.write(`${line}\n`);
  const err = (line: string) => void process.stderr.write(`${line}\n`);
  let values: Record<string, string | boolean | undefined>;
  let positionals: string[];
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...command.options, ...common },
      allowPositionals: true,
      strict: true,
    });
    values = parsed.values as Record<string, string | boolean | undefined>;
    positionals = parsed.positionals;
    if (values.help === true) {
      out(helpOf(name, command));
      return 0;
    }
    if (positionals.length > (command.positionals ?? 0))
      throw new TypeError(`Unexpected argument '${positionals[command.positionals ?? 0]}'.`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    err(`${(error.message.split(/\.\s/)[0] ?? '').replace(/\.$/, '')}. See \`npx polycell ${name} --help\`.`);
    return 2;
  }
  try {
    return await command.run({ positionals, options: values, json: values.json === true, out, err });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    err(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** The text of `--help`. */
export function helpOf(name: string, { summary, usage, example, describe }: Command): string {
  const options = Object.entries({ ...describe, '--json': 'print JSON for scripts', '--help': 'show this' });
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`);
  return [summary, '', `Usage: npx polycell ${name} ${usage}`.trimEnd(), '', ...lines, '', `Example: ${example}`].join(
    '\n',
  );
}

/** An option's text, or a complaint that it is missing. */
export function required(options: CommandContext['options'], name: string): string {
  const value = options[name];
  if (typeof value !== 'string' || value === '') throw new UsageError(`Give --${name}.`);
  return value;
}

/** An option as a whole number within bounds, or `fallback` when it is not given. */
export function wholeNumber(
  options: CommandContext['options'],
  name: string,
  fallback: number,
  minimum: number,
  maximum: number,
): number {
  const value = options[name];
  if (typeof value !== 'string') return fallback;
  const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= minimum && number <= maximum))
    throw new UsageError(
      `--${name} must be a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(value)}.`,
    );
  return number;
}
