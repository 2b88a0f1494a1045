// What `get --wait` waits for.
import { mayStillCome } from '../../../cli/commands/get.ts';

test.each([
  ['a device without a reading yet', 404, '{"code":"unknown_device"}', true],
  ['an empty list', 200, '{"items":[],"next":null}', true],
  ['a path that does not exist', 404, '{"code":"not_found"}', false],
  ['a list', 200, '{"items":[{}],"next":null}', false],
  ['one thing', 200, '{"id":"device-1"}', false],
  ['a refusal', 403, '{"code":"missing_scope"}', false],
  ['a page of a proxy', 502, '<html>', false],
])('%s', (_name, status, text, expected) => {
  expect(mayStillCome(status, text)).toBe(expected);
});
