// `polycell login`: makes a profile of a deployed edge, with a token from standard input or from an issuer.
import { type Command, type CommandContext, RefusedError, UsageError, UserError } from '../command.ts';
import { edgeAddress, secureAddress } from '../edge/address.ts';
import { tokenFrom } from '../edge/connection.ts';
import { signInByDevice, type Tokens } from '../edge/device-flow.ts';
import { reach } from '../edge/edge-client.ts';
import { healthOfEdge } from '../edge/edge-health.ts';
import { type Profile, Profiles, type SignIn } from '../edge/profiles.ts';
import { claimsOf, expiryOf, TOKEN_CHARACTERS } from '../edge/token-claims.ts';
import { linesOf, STANDARD_INPUT } from '../lines.ts';

const DEFAULT_PROFILE = 'default';

/** What an operator needs, unless `--scope` says otherwise. */
const DEFAULT_SCOPE = 'openid control.read control.write';

export const login: Command = {
  summary: 'log in to a deployed edge, and use it from then on',
  usage: '[--edge URL] [--profile NAME] [--issuer URL --client-id ID] [--protected]',
  example: 'npx polycell login --edge https://edge.example.com --profile prod --protected < token',
  options: {
    edge: { type: 'string' },
    profile: { type: 'string' },
    issuer: { type: 'string' },
    'client-id': { type: 'string' },
    scope: { type: 'string' },
    audience: { type: 'string' },
    resource: { type: 'string' },
    protected: { type: 'boolean' },
  },
  describe: {
    '--edge URL': 'the edge; that of the profile if not given',
    '--profile NAME': `the profile to make or renew; ${DEFAULT_PROFILE} if not given`,
    '--issuer URL': 'sign in there, on a web page; without it the token is read from standard input',
    '--client-id ID': 'what the issuer calls this command line',
    '--scope S': `scopes to ask the issuer for, separated by spaces; "${DEFAULT_SCOPE}" if not given`,
    '--audience A': 'the audience to ask for, with issuers that take it as a parameter of this name',
    '--resource R': 'the resource to ask for, with issuers that follow RFC 8707',
    '--protected': 'have each change confirmed',
  },
  async run(context) {
    const { options, json, out, err } = context;
    const text = (name: string) => (typeof options[name] === 'string' ? (options[name] as string) : undefined);
    const profiles = new Profiles();
    const name = text('profile') ?? DEFAULT_PROFILE;
    const before = await profiles.find(name);
    const given = text('edge');
    const edge = given === undefined ? before?.edge : edgeAddress('--edge', given);
    if (edge === undefined) throw new UsageError('Give the --edge.');
    const known = before?.edge === edge ? before : undefined;
    const signIn = signInOf(options, known);
    if (signIn === undefined && process.stdin.isTTY)
      throw new UsageError('Give --issuer and --client-id, or the token on standard input: polycell login … < FILE');
    // Nothing is sent to what is not an edge.
    await healthOfEdge(edge);
    const tokens = signIn === undefined ? await tokensOnInput() : await signInByDevice(signIn, { say: err });
    await check(edge, tokens.token);
    const profile: Profile = {
      edge,
      protected: options.protected === true || known?.protected === true,
      ...(signIn !== undefined && { signIn }),
      ...tokens,
    };
    await profiles.write(name, profile);
    await profiles.use(name);
    report(name, profile, { json, out });
    return 0;
  },
};

function signInOf({ issuer, ...options }: CommandContext['options'], known: Profile | undefined): SignIn | undefined {
  const text = (name: string) => (typeof options[name] === 'string' ? { [name]: options[name] as string } : {});
  const { 'client-id': clientId, scope } = options;
  if (typeof issuer !== 'string') {
    if (clientId !== undefined) throw new UsageError('--client-id goes with --issuer.');
    return process.stdin.isTTY ? known?.signIn : undefined;
  }
  if (typeof clientId !== 'string')
    throw new UsageError('Give the --client-id that the issuer has for the command line.');
  // The issuer's name is compared letter by letter, with or without the slash at its end.
  secureAddress('--issuer', issuer);
  return {
    issuer,
    clientId,
    scope: typeof scope === 'string' ? scope : DEFAULT_SCOPE,
    ...text('audience'),
    ...text('resource'),
  };
}

async function tokensOnInput(): Promise<Tokens> {
  for await (const { text } of linesOf(STANDARD_INPUT, TOKEN_CHARACTERS)) {
    const token = tokenFrom('Standard input', text ?? '');
    if ((claimsOf(token)?.exp ?? Number.POSITIVE_INFINITY) * 1000 <= Date.now())
      throw new UserError('The token on standard input has expired.');
    return { token };
  }
  throw new UsageError('Standard input holds no token.');
}

/** Has the edge verify the token. What it may do is for the commands to find out. @throws RefusedError */
async function check(edge: string, token: string): Promise<void> {
  const path = claimsOf(token)?.tenant === undefined ? '/control/v1/cells' : '/v1/parked?limit=1';
  const response = await reach(`The edge at ${edge}`, edge + path, { headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  if (response.status !== 401) return;
  const { detail = 'no reason given' } = JSON.parse(text) as { readonly detail?: string };
  throw new RefusedError(`The edge does not take this token: ${detail}`, 'invalid_credential');
}

function report(name: string, profile: Profile, { json, out }: Pick<CommandContext, 'json' | 'out'>): void {
  const { edge, token = '' } = profile;
  const claims = claimsOf(token) ?? {};
  const expires = expiryOf(claims);
  if (json) {
    out(JSON.stringify({ profile: name, edge, subject: claims.sub ?? null, expires, protected: profile.protected }));
    return;
  }
  out(
    `Logged in to ${edge} as ${claims.sub ?? 'a caller without a name'}${expires === null ? '' : `, until ${expires}`}.`,
  );
  out(`Commands use the profile ${name} from now on; \`npx polycell profiles use none\` goes back to the local stack.`);
}
