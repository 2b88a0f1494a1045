// What waits at the gate, in which order it goes on, and how much waits at most.
import { Gate, MAXIMUM_WAITING } from '../gate.ts';

test('what comes while it is closed goes on in its order when it is opened, and no more than so many wait', () => {
  const gate = new Gate();
  const passed: number[] = [];
  gate.pass(() => passed.push(0));
  gate.close();
  for (let index = 1; index <= MAXIMUM_WAITING; index += 1) gate.pass(() => passed.push(index));
  expect(passed).toEqual([0]);
  gate.pass(() => passed.push(-1));
  expect(passed).toEqual([0, -1]);
  gate.open();
  gate.pass(() => passed.push(-2));
  expect([passed.length, passed[2], passed.at(-2), passed.at(-1)]).toEqual([
    MAXIMUM_WAITING + 3,
    1,
    MAXIMUM_WAITING,
    -2,
  ]);
});
