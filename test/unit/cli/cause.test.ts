// What a failed request is reported as: never a number that says nothing.
import { causeOf } from '../../../cli/edge/edge-client.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });

test.each([
  ['a refused connection', new TypeError('fetch failed', { cause: refused }), 'ECONNREFUSED'],
  ['a timeout', new DOMException('The operation was aborted due to timeout', 'TimeoutError'), 'no answer in time'],
  ['a bad port', new TypeError('fetch failed', { cause: new Error('bad port') }), 'bad port'],
  ['what is no error', 'broken', 'broken'],
])('%s', (_, error, expected) => {
  expect(causeOf(error)).toBe(expected);
});
