// The port error and how errors of any kind are described.
import {
  asUnknownOutcome,
  describeError,
  isPortError,
  PERMANENT,
  PortError,
  RETRYABLE,
} from '../../../core/ports/errors.ts';

test('keeps code, cause and details', () => {
  const cause = new Error('socket hang up');
  const error = new PortError('throttled', 'slow down', { retryAfterMs: 250, failedWrite: 3, cause });
  expect(error).toMatchObject({
    name: 'PortError',
    code: 'throttled',
    message: 'slow down',
    retryAfterMs: 250,
    failedWrite: 3,
  });
  expect(error.cause).toBe(cause);
  expect('cause' in new PortError('invalid', 'x')).toBe(false);
});

test('what may be repeated, and what is its own fault', () => {
  const names = (table: Readonly<Record<string, boolean>>) =>
    Object.keys(table)
      .filter((code) => table[code])
      .sort();
  expect(names(RETRYABLE)).toEqual(['throttled', 'unavailable', 'unknown', 'unknown-outcome']);
  expect(names(PERMANENT)).toEqual(['invalid', 'too-large', 'unsupported']);
  expect(new PortError('unknown', '').retryable).toBe(true);
  expect(new PortError('conflict', '').retryable).toBe(false);
});

test('is distinguished from other errors', () => {
  expect(isPortError(new PortError('invalid', ''))).toBe(true);
  expect(isPortError(new PortError('invalid', ''), 'invalid')).toBe(true);
  expect(isPortError(new PortError('invalid', ''), 'conflict')).toBe(false);
  expect(isPortError(Object.assign(new Error(''), { name: 'PortError', code: 'invalid' }))).toBe(false);
  expect(isPortError(undefined)).toBe(false);
});

test.each([
  [new PortError('denied', 'no'), { code: 'denied', message: 'no' }],
  [new TypeError('x is no function'), { code: 'TypeError', message: 'x is no function' }],
  ['just a text', { code: 'Error', message: 'just a text' }],
  [undefined, { code: 'Error', message: 'undefined' }],
  [null, { code: 'Error', message: 'null' }],
])('describes %p', (error, expected) => {
  expect(describeError(error)).toEqual(expected);
});

test('slowness stays marked, also in what an adapter makes of the error later', () => {
  const late = new PortError('unavailable', 'no answer', { timedOut: true });
  expect(new PortError('unknown-outcome', 'the answer was lost', { cause: late }).timedOut).toBe(true);
  expect(describeError(late)).toEqual({ code: 'unavailable', message: 'no answer', timedOut: true });
  expect(describeError(asUnknownOutcome(late, true))).toEqual({
    code: 'unknown-outcome',
    message: 'no answer',
    timedOut: true,
  });
  expect(describeError(asUnknownOutcome(new PortError('unavailable', 'refused'), true))).toEqual({
    code: 'unknown-outcome',
    message: 'refused',
  });
});
