// The gate: work that is to be alone is, the rest runs side by side, and what came first begins first.
import { SoloGate } from '../../../core/lib/solo-gate.ts';

/** Work that begins and ends when the test says. */
function staged() {
  const gate = new SoloGate();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => async () => {
    begun.push(name);
    await new Promise<void>((resolve) => ends.set(name, resolve));
  };
  const turns = async () => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  const end = async (name: string) => {
    ends.get(name)?.();
    await turns();
  };
  return { gate, begun, work, end, turns };
}

test('work that is to be alone waits for all that runs, and what comes behind it waits for it', async () => {
  const { gate, begun, work, end, turns } = staged();
  const all = [gate.together(work('a')), gate.together(work('b')), gate.alone(work('c')), gate.together(work('d'))];
  await turns();
  expect(begun).toEqual(['a', 'b']);
  await end('a');
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('c');
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  await end('d');
  await Promise.all(all);
});

test('work that fails leaves the gate to the next', async () => {
  const gate = new SoloGate();
  await expect(gate.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await gate.together(async () => 1)).toBe(1);
});
