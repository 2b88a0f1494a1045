// `polycell tenant-token`: a client's token for talking to the edge.
import { type Command, required } from '../command.ts';
import { StackClient } from '../stack-client.ts';

export const tenantToken: Command = {
  summary: 'print a token with which a client talks to the edge as a tenant',
  usage: '--tenant T [--scope S] [--ttl N]',
  example:
    'curl -H "authorization: Bearer $(npx polycell tenant-token --tenant acme)" http://127.0.0.1:8080/v1/devices',
  asks: 'stack',
  options: {
    tenant: { type: 'string' },
    scope: { type: 'string' },
    ttl: { type: 'string' },
  },
  describe: {
    '--tenant T': 'the tenant it speaks for',
    '--scope S': 'scopes, separated by commas: ingest, read, operate',
    '--ttl N': 'seconds it lives; 3600 if not given',
  },
  async run({ options, json, out }) {
    const tenant = required(options, 'tenant');
    const stack = await StackClient.find(options.stack as string | undefined);
    const { scope, ttl } = options as Record<string, string | undefined>;
    const token = await stack.tenantToken(tenant, scope, ttl);
    out(json ? JSON.stringify({ token, tenant }) : token);
    return 0;
  },
};
