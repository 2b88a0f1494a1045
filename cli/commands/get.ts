// `polycell get`: reads a path of the API as a tenant.
import { type Command, required, UsageError } from '../command.ts';
import { StackClient, whoAnswered } from '../stack-client.ts';

export const get: Command = {
  summary: 'read from the API, such as /v1/devices',
  usage: 'PATH --tenant T [--cell C]',
  example: 'npx polycell get "/v1/devices/device-1/rollups?window=1m" --tenant acme',
  options: { tenant: { type: 'string' }, cell: { type: 'string' }, stack: { type: 'string' } },
  positionals: 1,
  describe: {
    '--tenant T': 'the tenant to read as',
    '--cell C': 'ask this cell directly; through the edge if not given',
    '--stack URL': 'the stack to ask, if not the one started last',
  },
  async run({ positionals, options, json, out, err }) {
    const path = positionals[0];
    if (path === undefined || !path.startsWith('/'))
      throw new UsageError('Give the path to read, such as /v1/devices.');
    const tenant = required(options, 'tenant');
    const stack = await StackClient.find(options.stack as string | undefined);
    const target = await stack.target(tenant, options.cell as string | undefined);
    const response = await target.call('read,operate', path);
    const text = await response.text();
    if (!response.ok) {
      err(`${whoAnswered(response)} answered ${response.status}: ${text}`);
      return 1;
    }
    out(json ? text : JSON.stringify(JSON.parse(text), null, 2));
    return 0;
  },
};
