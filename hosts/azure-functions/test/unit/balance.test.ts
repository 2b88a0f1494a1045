// Which leases a host takes.
import { leasesToTake } from '../../cosmos/balance.ts';

const NOW = 100_000;
const EXPIRY = 60_000;

/** One letter a lease: its owner, `.` for none, upper case for one that did not renew in time. */
function take(owners: string): string[] {
  const leases = [...owners].map((owner, index) => ({
    id: String(index),
    owner: owner === '.' ? undefined : owner.toLowerCase(),
    renewedAt: owner === owner.toLowerCase() ? NOW - 1000 : NOW - EXPIRY - 1,
  }));
  return leasesToTake(leases, 'm', NOW, EXPIRY).map(({ id }) => id);
}

it.each([
  ['', []],
  ['....', ['0', '1', '2', '3']],
  ['mm..', ['2', '3']],
  ['mmmm', []],
  // Another host is at work: half of them, free ones first.
  ['a...', ['1', '2']],
  ['aaa.', ['3']],
  ['AAAA', ['0', '1', '2', '3']],
  ['aAmm', []],
  // None is free: one at a time from the host that has most.
  ['aaaa', ['0']],
  ['aaam', ['0']],
  ['aamm', []],
  ['aaabbbm', ['0']],
  ['aabbm', []],
  ['ab', []],
  ['aab', ['0']],
])('of %s it takes %s', (owners, expected) => {
  expect(take(owners)).toEqual(expected);
});
