// Lines of the JSON log: what alarms and people look for in them is the line's own text, whatever its fields are called.
import { jsonLog } from '../../../adapters/system/system.ts';

import { describeError, PortError } from '../../../core/ports/errors.ts';
import { toNotice } from '../../../local/local-cell.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const recorded = () => {
  const lines: string[] = [];
  return { lines, log: jsonLog((line) => lines.push(line), new FakeClock()) };
};

test('a line keeps its text, level and time; fields of those names are renamed', () => {
  const { lines, log } = recorded();
  log.error('parked an event', { message: 'boom', level: 'info', time: 'yesterday', code: 'invalid' });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      time: '2026-11-21T07:41:03.000Z',
      level: 'error',
      message: 'parked an event',
      error_message: 'boom',
      field_level: 'info',
      field_time: 'yesterday',
      code: 'invalid',
    },
  ]);
});

test('a line has what all lines of its process have, and the ids of its trace and span', () => {
  const lines: string[] = [];
  const log = jsonLog((line) => lines.push(line), new FakeClock(), { cell: 'alpha' });
  log.info('text', { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', epoch: 7 });
  log.info('text', { traceparent: 'nonsense', cell: 'beta' });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { cell: 'alpha', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7', epoch: 7 },
    { cell: 'beta', traceparent: 'nonsense' },
  ]);
  expect(lines[1]).not.toContain('trace_id');
});

test('names that objects have anyway are fields like others', () => {
  const { lines, log } = recorded();
  log.info('text', JSON.parse('{"constructor": 1, "__proto__": 2, "toString": 3}'));
  expect(lines).toEqual([
    '{"time":"2026-11-21T07:41:03.000Z","level":"info","message":"text","constructor":1,"__proto__":2,"toString":3}',
  ]);
});

test('the local stack shows both the text and the error', () => {
  const { lines, log } = recorded();
  log.warn('the directory does not answer', describeError(new PortError('unavailable', 'no answer in 2000 ms')));
  expect(toNotice('edge', lines[0] ?? '')).toEqual({
    level: 'warn',
    part: 'edge',
    message: 'the directory does not answer',
    fields: { code: 'unavailable', error_message: 'no answer in 2000 ms' },
  });
});
