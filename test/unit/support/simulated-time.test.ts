// Simulated time goes from one sleeper to the next, and says so when what it runs stands still.
import { START } from '../../support/fake-clock.ts';
import { SimulatedClock } from '../../support/simulated-time.ts';

test('sleepers wake at their instants, those of one instant in the order in which they came', async () => {
  const clock = new SimulatedClock();
  const woken: string[] = [];
  const sleep = async (name: string, milliseconds: number) => {
    await clock.sleep(milliseconds);
    woken.push(`${name} ${clock.now() - START}`);
  };
  void sleep('later', 20);
  void sleep('first', 10).then(() => sleep('third', 0));
  void sleep('second', 10);
  await clock.run(() => woken.length === 4, 1000);
  expect(woken).toEqual(['first 10', 'second 10', 'third 10', 'later 20']);
});

test('what is not done within its time, or waits for nothing, is an error', async () => {
  const clock = new SimulatedClock();
  void clock.sleep(1000).then(() => clock.sleep(1));
  await expect(clock.run(() => false, 1000)).rejects.toThrow('It was not done 1000 ms after the beginning.');
  await expect(clock.run(() => false, 1000)).rejects.toThrow('It was not done 1001 ms after the beginning.');
});
