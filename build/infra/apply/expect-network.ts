// What the private network of a cell must consist of.
import type { Deployment } from './deployment.ts';
import type { Inventory } from './inventory.ts';

/** A cell's network is cut into sixteen, the first of which are the functions'. */
const SUBNET_BITS = 4;

const HTTPS = 'tcp 443-443';

const dotted = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');

export function expectedNetwork({ cell, options }: Deployment, zones: number): Inventory {
  const [address = '', length = ''] = cell.cidr.split('/');
  const first = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const bits = Number(length) + SUBNET_BITS;
  const subnets = Array.from({ length: zones }, (_, index) => `${dotted(first + index * 2 ** (32 - bits))}/${bits}`);
  const interfaces = ['sns', 'logs', 'xray', ...(options.has('key') ? ['kms'] : [])];
  const service = (name: string) => `endpoint com.amazonaws.${cell.region}.${name}`;
  return {
    [`network ${cell.id}`]: { cidr: cell.cidr },
    ...Object.fromEntries(subnets.map((cidr) => [`subnet ${cidr}`, { public: 'false' }])),
    [`route-table ${cell.id}`]: { subnets: zones, outside: 0 },
    [service('dynamodb')]: { type: 'Gateway' },
    ...Object.fromEntries(interfaces.map((name) => [service(name), { type: 'Interface' }])),
    'security-group default': { in: [], out: [] },
    [`security-group ${cell.id}-functions`]: {
      in: [],
      out: [`${HTTPS} a prefix list`, `${HTTPS} ${cell.id}-endpoints`],
    },
    [`security-group ${cell.id}-endpoints`]: { in: [`${HTTPS} ${cell.id}-functions`], out: [] },
  };
}
