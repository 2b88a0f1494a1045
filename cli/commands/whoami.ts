// `polycell whoami`: which edge commands go to, and with which identity.
import { type Command, EXIT } from '../command.ts';
import { connect } from '../edge/connection.ts';
import { claimsOf, expiryOf, scopesOf } from '../edge/token-claims.ts';

export const whoami: Command = {
  summary: 'show which edge commands go to, with which identity',
  usage: '[--edge URL | --profile NAME]',
  example: 'npx polycell whoami --profile prod',
  asks: 'edge',
  options: {},
  describe: {},
  async run({ options, json, out }) {
    const { where, isProtected, deployed } = await connect(options);
    if (deployed === undefined) {
      out(json ? JSON.stringify({ edge: null, where }) : `Commands go to ${where}, with its own development tokens.`);
      return EXIT.done;
    }
    const { edge, profile = null, token } = deployed;
    const claims = claimsOf(await token()) ?? {};
    const said = {
      edge,
      profile,
      protected: isProtected,
      issuer: claims.iss ?? null,
      subject: claims.sub ?? null,
      tenant: claims.tenant ?? null,
      audience: [claims.aud ?? []].flat(),
      scopes: scopesOf(claims),
      expires: expiryOf(claims),
    };
    if (json) out(JSON.stringify(said));
    else
      for (const [name, value] of Object.entries(said))
        if (value !== null) out(`${name.padEnd(9)}  ${Array.isArray(value) ? value.join(' ') : value}`);
    return EXIT.done;
  },
};
