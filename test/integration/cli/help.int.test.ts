// The help of the command line, which needs no stack.
import { oneLine, polycell } from './run.ts';

test.each(['dev', 'send', 'get', 'write', 'status', 'parked', 'token'])(
  'the help of %s has an example',
  async (command) => {
    const { code, out } = await polycell(command, '--help');
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Usage: npx polycell ${command}[^]*--json[^]*Example: npx polycell ${command}`));
  },
);

test('the help is of all commands; no command and an unknown one are mistakes', async () => {
  expect(await polycell('--help')).toMatchObject({ code: 0, err: '' });
  expect(await polycell()).toMatchObject({ code: 2 });
  expect(await polycell('start')).toEqual({
    code: 2,
    out: '',
    err: oneLine(/Unknown command "start"\. .*The commands are dev, /),
  });
});
