// `polycell profiles`: the deployed edges that the user has, which of them is current, and which are protected.
import { actionOf, type Command, type CommandContext, UsageError } from '../command.ts';
import { NO_PROFILE, type Profile, Profiles } from '../edge/profiles.ts';
import { claimsOf, expiryOf } from '../edge/token-claims.ts';
import { type Column, Table } from '../table.ts';

export const profiles: Command = {
  summary: 'list, choose, protect or remove the profiles of deployed edges',
  usage: 'list|use|protect|unprotect|remove [NAME]',
  example: 'npx polycell profiles use prod',
  options: {},
  positionals: 2,
  describe: {
    list: 'all of them; the current one has an asterisk',
    'use NAME': `make one current; "${NO_PROFILE}" for the local stack`,
    'protect NAME': 'have each change at its edge confirmed',
    'unprotect NAME': 'let changes at its edge go unconfirmed, unless another profile of it is protected',
    'remove NAME': 'forget one, with its token',
  },
  run(context) {
    const [given = 'list', name, ...more] = context.positionals;
    const run = actionOf(actions, given);
    if (more.length > 0 || (given === 'list' && name !== undefined))
      throw new UsageError(`Unexpected argument ${JSON.stringify(more[0] ?? name)}.`);
    if (given !== 'list' && name === undefined) throw new UsageError('Name the profile.');
    return run(new Profiles(), name ?? '', context);
  },
};

interface Listed {
  readonly profile: string;
  readonly current: boolean;
  readonly edge: string;
  readonly protected: boolean;
  readonly loggedIn: boolean;
  readonly expires: string | null;
}

const COLUMNS: readonly Column<Listed>[] = [
  { title: 'profile', of: ({ profile, current }) => `${profile}${current ? ' *' : ''}` },
  { title: 'edge', of: ({ edge }) => edge },
  { title: 'protected', of: (each) => (each.protected ? 'yes' : 'no') },
  { title: 'token until', of: ({ loggedIn, expires }) => (loggedIn ? (expires ?? 'it says not') : 'logged out') },
];

type Action = (profiles: Profiles, name: string, context: CommandContext) => Promise<number>;

const marked =
  (isProtected: boolean): Action =>
  async (all, name, { json, out }) => {
    const profile: Profile = { ...(await all.read(name)), protected: isProtected };
    await all.write(name, profile);
    const text = isProtected
      ? `Changes at ${profile.edge} must be confirmed.`
      : `This profile no longer protects ${profile.edge}; another one of it may.`;
    out(json ? JSON.stringify({ profile: name, protected: isProtected }) : text);
    return 0;
  };

const actions: Readonly<Record<string, Action>> = {
  async list(all, _name, { json, out }) {
    const current = await all.current();
    const listed: Listed[] = [];
    for (const name of await all.names()) {
      const { edge, token, protected: isProtected } = await all.read(name);
      const expires = token === undefined ? null : expiryOf(claimsOf(token) ?? {});
      listed.push({
        profile: name,
        current: name === current,
        edge,
        protected: isProtected,
        loggedIn: token !== undefined,
        expires,
      });
    }
    if (json) for (const each of listed) out(JSON.stringify(each));
    else if (listed.length === 0) out('There are no profiles; `npx polycell login` makes one.');
    else new Table(COLUMNS, out).add(listed);
    return 0;
  },

  async use(all, name, { json, out }) {
    const chosen = name === NO_PROFILE ? undefined : name;
    const edge = chosen === undefined ? null : (await all.read(chosen)).edge;
    await all.use(chosen);
    if (json) out(JSON.stringify({ profile: chosen ?? null, edge }));
    else out(`Commands go to ${edge ?? 'the local stack'} from now on.`);
    return 0;
  },

  protect: marked(true),
  unprotect: marked(false),

  async remove(all, name, { json, out }) {
    await all.remove(name);
    out(json ? JSON.stringify({ profile: name, removed: true }) : `${name} is removed.`);
    return 0;
  },
};
