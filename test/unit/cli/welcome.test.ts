// What `npm start` offers to copy works for the application that it runs.
import { sendLine } from '../../../cli/commands/dev.ts';

test.each([
  ['core/application.ts', 'npx polycell send --tenant acme --count 1'],
  [
    'examples/orders/application.ts',
    'POLYCELL_APPLICATION=examples/orders/application.ts npx polycell send --tenant acme --count 1',
  ],
])('%s', (application, line) => {
  expect(sendLine(application)).toBe(line);
});
