// Which edge a command asks, and with which credential: flag, environment, profile, local stack, in this order.
import { type CommandContext, UsageError, UserError } from '../command.ts';
import { StackClient } from '../stack-client.ts';
import { edgeAddress } from './address.ts';
import { renewed } from './device-flow.ts';
import { type Control, controlOf, type Target, type Token, tenantTarget } from './edge-client.ts';
import { NO_PROFILE, Profiles } from './profiles.ts';
import { claimsOf, TOKEN_CHARACTERS } from './token-claims.ts';

/** What a command asks. */
export interface Connection {
  /** What and where it is, for messages. */
  readonly where: string;
  /** Changes must be confirmed. */
  readonly isProtected: boolean;
  /** There is nothing else that a change could go to, so that it need not say where it goes. */
  readonly isOnly?: boolean;
  /** The control plane, as an operator. */
  control(): Promise<Control>;
  /** A tenant's requests; to a cell directly if it is named. */
  target(tenant: string, cell: string | undefined): Promise<Target>;
  /** Absent for a deployed edge. */
  readonly stack?: StackClient;
  /** Absent for a local stack. */
  readonly deployed?: Deployed;
}

export interface Deployed {
  readonly edge: string;
  readonly token: Token;
  readonly profile?: string;
}

type Options = CommandContext['options'];

export type Choice =
  | { readonly kind: 'stack'; readonly url?: string }
  /** Without a token, that of a profile of this edge. */
  | { readonly kind: 'edge'; readonly edge: string; readonly token?: string }
  | { readonly kind: 'profile'; readonly name: string };

/**
 * What the options and the environment choose. A token in the environment goes to an edge that is named beside it, and to no other.
 * @throws UsageError for two choices that contradict each other
 */
export function choiceOf(options: Options, environment: NodeJS.ProcessEnv, current: string | undefined): Choice {
  const text = (name: string) => (typeof options[name] === 'string' ? (options[name] as string) : undefined);
  const [edge, profile, stack] = [text('edge'), text('profile'), text('stack')];
  const flags = [edge && '--edge', profile && '--profile', stack && '--stack'].filter((each) => each !== undefined);
  if (flags.length > 1) throw new UsageError(`Give one of ${flags.join(' and ')}.`);
  if (stack !== undefined) return { kind: 'stack', url: stack };
  const { POLYCELL_EDGE: named, POLYCELL_TOKEN: token } = environment;
  if (profile !== undefined) {
    if (named !== undefined && named !== '')
      throw new UsageError(`--profile ${profile} and POLYCELL_EDGE both name an edge; leave one of them out.`);
    return { kind: 'profile', name: profile };
  }
  const credential = token === undefined || token === '' ? {} : { token: tokenFrom('POLYCELL_TOKEN', token) };
  if (edge !== undefined) return { kind: 'edge', edge: edgeAddress('--edge', edge), ...credential };
  if (named !== undefined && named !== '')
    return { kind: 'edge', edge: edgeAddress('POLYCELL_EDGE', named), ...credential };
  if (credential.token !== undefined)
    throw new UsageError('POLYCELL_TOKEN is set, and nothing says for which edge: set POLYCELL_EDGE or give --edge.');
  return current === undefined ? { kind: 'stack' } : { kind: 'profile', name: current };
}

/** A token as the edge takes it. @throws UsageError that does not contain it */
export function tokenFrom(source: string, text: string): string {
  const token = text.trim();
  if (claimsOf(token) !== undefined) return token;
  throw new UsageError(`${source} holds no JSON Web Token of at most ${TOKEN_CHARACTERS} characters.`);
}

/** Finds what the command asks. */
export async function connect(
  options: Options,
  environment: NodeJS.ProcessEnv = process.env,
  profiles: Profiles = new Profiles(environment),
): Promise<Connection> {
  const choice = choiceOf(options, environment, await profiles.current());
  if (choice.kind === 'stack') {
    const stack = await StackClient.find(choice.url);
    return toStack(stack, (await profiles.names()).length === 0);
  }
  const { edge } = choice.kind === 'profile' ? await profiles.read(choice.name) : choice;
  const same = await profilesOf(profiles, edge);
  // It is the edge that is protected, by whichever of its profiles.
  const isProtected = same.some(({ profile }) => profile.protected);
  const ofProfile = (name: string) => toEdge({ edge, token: profileToken(profiles, name), profile: name }, isProtected);
  if (choice.kind === 'profile') return ofProfile(choice.name);
  const { token } = choice;
  if (token !== undefined) return toEdge({ edge, token: async () => token }, isProtected);
  const [only, ...more] = same;
  if (only === undefined)
    throw new UsageError(
      `There is no token for ${edge}: set POLYCELL_TOKEN, or log in with npx polycell login --edge ${edge}`,
    );
  if (more.length > 0)
    throw new UsageError(
      `Several profiles are of ${edge}: name one with --profile: ${same.map(({ name }) => name).join(', ')}.`,
    );
  return ofProfile(only.name);
}

async function profilesOf(profiles: Profiles, edge: string) {
  const names = await profiles.names();
  const all = await Promise.all(names.map(async (name) => ({ name, profile: await profiles.read(name) })));
  return all.filter(({ profile }) => profile.edge === edge);
}

async function toStack(stack: StackClient, isOnly: boolean): Promise<Connection> {
  const { edge, cells } = await stack.info();
  return {
    where: `the local stack, ${edge?.url ?? cells[0]?.url ?? ''}`,
    isProtected: false,
    isOnly,
    control: () => stack.control(),
    target: (tenant, cell) => stack.target(tenant, cell),
    stack,
  };
}

function toEdge(deployed: Deployed, isProtected: boolean): Connection {
  const { edge, token, profile } = deployed;
  const control = async () => controlOf(edge, token);
  return {
    where: profile === undefined ? edge : `profile ${profile}, ${edge}`,
    isProtected,
    control,
    async target(tenant, cell) {
      if (cell !== undefined)
        throw new UsageError('--cell asks a cell directly, which a local stack alone allows; the edge finds the cell.');
      return tenantTarget({ tenant, edge, token, control });
    },
    deployed,
  };
}

/** A token is renewed this long before it expires, in seconds. */
const RENEW_SECONDS = 30;

/** A profile's token, renewed when it expires if there is a refresh token. */
export function profileToken(profiles: Profiles, name: string): Token {
  let known: string | undefined;
  let renewing: Promise<string> | undefined;
  const isFresh = (token: string) =>
    (claimsOf(token)?.exp ?? Number.POSITIVE_INFINITY) > Date.now() / 1000 + RENEW_SECONDS;
  const renew = async (): Promise<string> => {
    // Another command may have renewed it.
    const profile = await profiles.read(name);
    const { token, refreshToken, signIn } = profile;
    if (token === undefined)
      throw new UserError(
        `You are not logged in to ${name}: npx polycell login --profile ${name}; or npx polycell profiles use ${NO_PROFILE} for the local stack.`,
      );
    if (isFresh(token)) return token;
    if (refreshToken === undefined || signIn === undefined) {
      const isOver = (claimsOf(token)?.exp ?? 0) <= Date.now() / 1000;
      if (!isOver) return token;
      throw new UserError(`The token of ${name} has expired: npx polycell login --profile ${name}`);
    }
    const tokens = await renewed(signIn, refreshToken).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${error.message} Log in again: npx polycell login --profile ${name}`);
    });
    await profiles.write(name, { ...profile, ...tokens });
    return tokens.token;
  };
  return async () => {
    if (known !== undefined && isFresh(known)) return known;
    renewing ??= renew().finally(() => {
      renewing = undefined;
    });
    known = await renewing;
    return known;
  };
}
