// `polycell logout`: forgets the credential of a profile.
import { type Command, UsageError } from '../command.ts';
import { Profiles } from '../edge/profiles.ts';

export const logout: Command = {
  summary: 'forget the token of a profile',
  usage: '[--profile NAME]',
  example: 'npx polycell logout --profile prod',
  options: { profile: { type: 'string' } },
  describe: { '--profile NAME': 'the profile; the current one if not given' },
  async run({ options, json, out }) {
    const profiles = new Profiles();
    const name = (options.profile as string | undefined) ?? (await profiles.current());
    if (name === undefined) throw new UsageError('No profile is current: name one with --profile.');
    const { token, refreshToken, ...rest } = await profiles.read(name);
    await profiles.write(name, rest);
    const removed = token !== undefined || refreshToken !== undefined;
    out(
      json
        ? JSON.stringify({ profile: name, removed })
        : removed
          ? `Logged out of ${name}. The token is not revoked at the issuer: a copy of it works until it expires.`
          : `${name} was logged out already.`,
    );
    return 0;
  },
};
