// The form of a command: how its arguments are read, and how its failures are reported.
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { suggestion } from './closest.ts';

export interface CommandContext {
  /** The positional arguments. */
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly json: boolean;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** The exit codes of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, unknown: 4 } as const;

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` shows below the usage line. */
  readonly usage: string;
  readonly example: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Option → what it does. Every command has `json` and `help`. */
  readonly describe: Readonly<Record<string, string>>;
  /** Maximum number of positional arguments. */
  readonly positionals?: number;
  /** Option → the actions that take it, of a command whose first argument names an action; all of them take one that is not listed. */
  readonly takenBy?: Readonly<Record<string, readonly string[]>>;
  /** What it asks: `edge`, a deployed edge or that of a local stack; `stack`, a local stack only. It takes the options for that. */
  readonly asks?: 'edge' | 'stack';
  run(context: CommandContext): Promise<number>;
}

/** A failure that the user can fix; reported in one sentence, without a stack trace. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  readonly exitCode: number = EXIT.failed;
}

/** Invalid arguments; reported as a `UserError` is, with the exit code of a misspelt option. */
export class UsageError extends UserError {
  override readonly name = 'UsageError';
  override readonly exitCode = EXIT.usage;
}

/** The edge or a cell has refused the request. Nothing was changed. */
export class RefusedError extends UserError {
  override readonly name = 'RefusedError';
  override readonly exitCode = EXIT.refused;
  /** The code of the refusal, or its HTTP status. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** A change was sent, and no answer says whether it was made. */
export class UnknownOutcomeError extends UserError {
  override readonly name = 'UnknownOutcomeError';
  override readonly exitCode = EXIT.unknown;
}

const common = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

const stackOption = { stack: { type: 'string' } } as const;
const edgeOptions = { ...stackOption, edge: { type: 'string' }, profile: { type: 'string' } } as const;

/** The option of commands that change something; a protected edge needs it where there is no terminal. */
export const YES_OPTION = { yes: { type: 'boolean' } } as const;

export const YES_DESCRIPTION = { '--yes': 'change a protected edge without typing the name' } as const;

const STACK_TEXT = { '--stack URL': 'the local stack to ask, if not the one started last' };

/** What `--help` says of the options of a command that asks an edge or a stack. */
const ASKING = {
  edge: {
    '--edge URL': 'the deployed edge to ask, with the token in POLYCELL_TOKEN or that of a profile of this edge',
    '--profile NAME': 'the profile to use, as `polycell profiles` lists them',
    ...STACK_TEXT,
  },
  stack: STACK_TEXT,
} as const;

const standardStreams: Pick<CommandContext, 'out' | 'err'> = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
};

/** Runs a command with its arguments, which writes lines to the standard streams or to others; returns the exit code. */
export async function runCommand(
  name: string,
  command: Command,
  args: readonly string[],
  { out, err } = standardStreams,
): Promise<number> {
  let given: Arguments;
  try {
    given = readArguments(command, args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    err(`${error.message} See \`npx polycell ${name} --help\`.`);
    return EXIT.usage;
  }
  const { positionals, options } = given;
  if (options.help === true) {
    out(helpOf(name, command));
    return 0;
  }
  try {
    if (command.asks === 'stack') refuseDeployed(name, options);
    return await command.run({ positionals, options, json: options.json === true, out, err });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    err(error.message);
    return error.exitCode;
  }
}

/** @throws UsageError if a deployed edge is named for what a local stack alone can do */
export function refuseDeployed(name: string, { edge, profile, stack }: CommandContext['options']): void {
  const named = [
    ...(edge === undefined ? [] : ['--edge']),
    ...(profile === undefined ? [] : ['--profile']),
    ...(stack !== undefined || (process.env.POLYCELL_EDGE ?? '') === '' ? [] : ['POLYCELL_EDGE']),
  ];
  if (named.length > 0)
    throw new UsageError(
      `\`polycell ${name}\` works with a local stack only, and ${named.join(' and ')} names a deployed edge. Leave that out, or give --stack URL.`,
    );
}

export type Arguments = Pick<CommandContext, 'positionals' | 'options'>;

/**
 * Reads the arguments of a command. With `--help` among them, the positional ones are not counted.
 * @throws UsageError
 */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const known = { ...optionsOf(command), ...common };
  const { values, positionals } = parsed(known, withNegativeNumbers(known, args));
  const most = command.positionals ?? 0;
  if (values.help !== true && positionals.length > most)
    throw new UsageError(`Unexpected argument ${JSON.stringify(positionals[most])}.`);
  if (values.help !== true) refuseUnused(command, positionals[0], Object.keys(values));
  return { options: { ...values } as CommandContext['options'], positionals };
}

/** An option without effect is a misunderstanding, which goes unnoticed if the action is carried out. */
function refuseUnused({ takenBy = {}, describe }: Command, action: string | undefined, given: readonly string[]): void {
  // An unknown action is refused as such.
  if (!Object.keys(describe).some((entry) => entry.split(' ')[0] === action)) return;
  for (const option of given) {
    const actions = takenBy[option];
    if (actions !== undefined && !actions.includes(action ?? ''))
      throw new UsageError(`--${option} is for ${alternatives(actions)}, not for ${action}.`);
  }
}

const alternatives = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

type Options = Command['options'];

/** A command that asks a local stack only knows the other options, to say so when they are given. */
const optionsOf = ({ options, asks }: Command): Options =>
  asks === undefined ? options : { ...edgeOptions, ...options };

function parsed(options: Options, args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error;
    throw new UsageError(explain(code, message, options, args));
  }
}

/** Node's own messages suggest neither a close name nor what to write instead. */
function explain(code: string, message: string, options: Options, args: readonly string[]): string {
  const name = /'(?:-\w, )?(--?[^\s'=]+)/.exec(message)?.[1] ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
    return `Unknown option ${name}.${suggestion(name.replace(/^-+/, ''), Object.keys(options), '--')}`;
  if (options[name.replace(/^-+/, '')]?.type === 'boolean') return `Option ${name} takes no value.`;
  const next = args[args.indexOf(name) + 1] ?? '';
  return /^-[^-]/.test(next)
    ? `Give ${name} a value; one that starts with a dash needs an equals sign: ${name}=${next}.`
    : `Give ${name} a value.`;
}

/** `--count -1` as `--count=-1`: a negative number cannot be an option, and the command says what is wrong with it. */
function withNegativeNumbers(options: Options, args: readonly string[]): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const joined: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const [arg = '', next = ''] = args.slice(index, index + 2);
    const takesValue = index < end && arg.startsWith('--') && options[arg.slice(2)]?.type === 'string';
    if (takesValue && /^-\d/.test(next)) {
      joined.push(`${arg}=${next}`);
      index += 1;
    } else joined.push(arg);
  }
  return joined;
}

/** The text of `--help`. */
export function helpOf(name: string, { summary, usage, example, describe, asks }: Command): string {
  const asking = asks === undefined ? {} : ASKING[asks];
  const options = Object.entries({ ...describe, ...asking, '--json': 'print JSON for scripts', '--help': 'show this' });
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`);
  return [summary, '', `Usage: npx polycell ${name} ${usage}`.trimEnd(), '', ...lines, '', `Example: ${example}`].join(
    '\n',
  );
}

/** An option's text; throws if it is missing. */
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

/**
 * What an action's name stands for, such as the `list` of `polycell cells list`.
 * @throws UsageError that lists the actions, and the closest one to a misspelt name
 */
export function actionOf<T>(actions: Readonly<Record<string, T>>, given: string | undefined): T {
  const action = given !== undefined && Object.hasOwn(actions, given) ? actions[given] : undefined;
  if (action !== undefined) return action;
  const names = Object.keys(actions);
  const all = names.join(', ');
  if (given === undefined) throw new UsageError(`Name an action: ${all}.`);
  throw new UsageError(`Unknown action ${JSON.stringify(given)}.${suggestion(given, names)} The actions are ${all}.`);
}
