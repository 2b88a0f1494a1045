// `polycell token`: a route token for talking to a cell directly.
import { type Command, required } from '../command.ts';
import { StackClient } from '../stack-client.ts';

export const token: Command = {
  summary: 'print a route token that a cell accepts, in the header X-Polycell-Route',
  usage: '--tenant T [--cell C] [--scope S] [--ttl N]',
  example: 'npx polycell token --tenant acme --cell aws-alpha --scope read',
  asks: 'stack',
  options: {
    tenant: { type: 'string' },
    cell: { type: 'string' },
    scope: { type: 'string' },
    ttl: { type: 'string' },
  },
  describe: {
    '--tenant T': 'the tenant it speaks for',
    '--cell C': 'the cell it is for; the first one if not given',
    '--scope S': 'scopes, separated by commas: ingest, read, operate, control, observe, erase',
    '--ttl N': 'seconds it lives, 60 at most',
  },
  async run({ options, json, out }) {
    const tenant = required(options, 'tenant');
    const stack = await StackClient.find(options.stack as string | undefined);
    const cell = await stack.cell(options.cell as string | undefined);
    const { scope, ttl } = options as Record<string, string | undefined>;
    const minted = await stack.mint({
      tenant,
      cell: cell.id,
      ...(scope !== undefined && { scope }),
      ...(ttl !== undefined && { ttl }),
    });
    out(json ? JSON.stringify({ token: minted, tenant, cell: cell.id }) : minted);
    return 0;
  },
};
