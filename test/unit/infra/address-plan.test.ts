// The address plan: what overlaps, what is inside, and which network is next.
import {
  type AddressPlan,
  allocate,
  describePlan,
  inside,
  nextFree,
  overlap,
  parseCidr,
} from '../../../build/infra/address-plan.ts';

const plan: AddressPlan = {
  supernets: { aws: '10.0.0.0/12', tiny: '10.48.0.0/16' },
  cellPrefix: 16,
  allocations: [
    { cidr: '10.0.0.0/16', for: 'a' },
    { cidr: '10.1.128.0/17', for: 'vpn' },
  ],
};

test('a network begins with its first address', () => {
  expect(parseCidr('10.1.0.0/16')).toEqual({ first: 0x0a010000, last: 0x0a01ffff });
  expect(['10.1.0.1/16', '10.256.0.0/16', '10.1.0.0/33', '10.1.0.0', 'x'].map(parseCidr)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('networks overlap when they share an address', () => {
  expect(overlap('10.0.0.0/12', '10.15.255.0/24')).toBe(true);
  expect(overlap('10.0.0.0/12', '10.16.0.0/12')).toBe(false);
  expect(inside('10.15.0.0/16', '10.0.0.0/12')).toBe(true);
  expect(inside('10.8.0.0/11', '10.0.0.0/12')).toBe(false);
});

test('the next network is the first that nothing overlaps', () => {
  expect(nextFree(plan, 'aws')).toBe('10.2.0.0/16');
  expect(() => nextFree(plan, 'third')).toThrow('The address plan has no supernet for third.');
});

test('a cell gets a network once', () => {
  const first = allocate(plan, 'aws', 'b');
  expect(first.cidr).toBe('10.2.0.0/16');
  expect(allocate(first.plan, 'aws', 'b')).toEqual(first);
  expect(first.plan.allocations.map((each) => each.for)).toEqual(['a', 'vpn', 'b']);
});

test('a supernet ends', () => {
  const full = allocate(plan, 'tiny', 'b').plan;
  expect(() => allocate(full, 'tiny', 'c')).toThrow('All networks of 10.48.0.0/16, which is for tiny, are allocated.');
});

test('the plan in words', () => {
  expect(describePlan(plan)).toEqual([
    '10.0.0.0/12  aws: 2 of 16 networks allocated',
    '  10.0.0.0/16  a',
    '  10.1.128.0/17  vpn',
    '10.48.0.0/16  tiny: 0 of 1 networks allocated',
  ]);
});
