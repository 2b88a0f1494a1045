// The address plan: allocations of private networks, and the next free one. infra/address-plan.json is the registry.

export interface Allocation {
  readonly cidr: string;
  /** The cell or other owner of the network. */
  readonly for: string;
}

export interface AddressPlan {
  /** The supernets of each cloud's cells, and of networks outside of cells. */
  readonly supernets: Readonly<Record<string, string>>;
  /** Prefix length of a cell's network. */
  readonly cellPrefix: number;
  readonly allocations: readonly Allocation[];
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** The addresses of a network, or undefined if it is invalid or does not begin with its first address. */
export function parseCidr(cidr: string): Range | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (found === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = found.slice(1).map(Number);
  if ([a, b, c, d].some((byte) => byte > 255) || prefix > 32) return undefined;
  const first = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  const size = 2 ** (32 - prefix);
  return first % size === 0 ? { first, last: first + size - 1 } : undefined;
}

/** Whether two networks have an address in common. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [parseCidr(one), parseCidr(other)];
  return a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;
}

/** Whether one network contains all addresses of another. */
export function inside(inner: string, outer: string): boolean {
  const [a, b] = [parseCidr(inner), parseCidr(outer)];
  return a !== undefined && b !== undefined && b.first <= a.first && a.last <= b.last;
}

const toText = (address: number, prefix: number): string =>
  `${[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')}/${prefix}`;

/** The first free network for a cell of a cloud, or undefined if its supernet is full. Throws for a cloud without a supernet. */
export function nextFree(plan: AddressPlan, cloud: string): string | undefined {
  const supernet = plan.supernets[cloud];
  const range = supernet === undefined ? undefined : parseCidr(supernet);
  if (range === undefined) throw new Error(`The address plan has no supernet for ${cloud}.`);
  const size = 2 ** (32 - plan.cellPrefix);
  for (let first = range.first; first + size - 1 <= range.last; first += size) {
    const cidr = toText(first, plan.cellPrefix);
    if (!plan.allocations.some((each) => overlap(each.cidr, cidr))) return cidr;
  }
  return undefined;
}

/**
 * The plan with a network for the cell: its present one, or the first free one. Throws if none is left.
 */
export function allocate(
  plan: AddressPlan,
  cloud: string,
  id: string,
): { readonly plan: AddressPlan; readonly cidr: string } {
  const own = plan.allocations.find((each) => each.for === id);
  if (own !== undefined) return { plan, cidr: own.cidr };
  const cidr = nextFree(plan, cloud);
  if (cidr === undefined)
    throw new Error(`All networks of ${plan.supernets[cloud]}, which is for ${cloud}, are allocated.`);
  const allocations = [...plan.allocations, { cidr, for: id }].sort(
    (a, b) => (parseCidr(a.cidr)?.first ?? 0) - (parseCidr(b.cidr)?.first ?? 0),
  );
  return { plan: { ...plan, allocations }, cidr };
}

/** Why a network is not allocated to a cell, for a message. */
export function allocatable(plan: AddressPlan, cidr: string): string {
  const owner = plan.allocations.find((each) => overlap(each.cidr, cidr));
  return owner === undefined ? 'add it to the allocations.' : `${owner.cidr} belongs to ${owner.for}.`;
}

/** The plan as readable lines: each supernet with its allocations and free networks. */
export function describePlan(plan: AddressPlan): readonly string[] {
  return Object.entries(plan.supernets).flatMap(([name, supernet]) => {
    const range = parseCidr(supernet);
    const all = range === undefined ? 0 : (range.last - range.first + 1) / 2 ** (32 - plan.cellPrefix);
    const own = plan.allocations.filter((each) => inside(each.cidr, supernet));
    return [
      `${supernet}  ${name}: ${own.length} of ${all} networks allocated`,
      ...own.map((each) => `  ${each.cidr}  ${each.for}`),
    ];
  });
}
