// `polycell console`: where the console in the browser is, and whether the edge serves it.
import { type Command, EXIT, UserError } from '../command.ts';
import { connect } from '../edge/connection.ts';
import { reach } from '../edge/edge-client.ts';

export const console: Command = {
  summary: 'print the address of the console in the browser',
  usage: '[--edge URL | --profile NAME | --stack URL]',
  example: 'npx polycell console',
  asks: 'edge',
  options: {},
  describe: {},
  async run({ options, json, out }) {
    const { stack, deployed } = await connect(options);
    const edge = stack === undefined ? deployed?.edge : (await stack.info()).edge?.url;
    if (edge === undefined) throw new UserError('This stack has no edge, and it is the edge that serves the console.');
    const url = `${edge}/console/`;
    const response = await reach(`The edge at ${edge}`, url, {});
    await response.body?.cancel();
    if (!response.ok)
      throw new UserError(
        `${edge} serves no console (it answers ${response.status}): declare how operators sign in as "console" in infra/edge.json, and deploy it.`,
      );
    out(json ? JSON.stringify({ url }) : url);
    return EXIT.done;
  },
};
