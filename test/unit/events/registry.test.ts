// The schema registry, traces, and the text of messages on the bus.

import fc from 'fast-check';
import { type CompiledValidator, SchemaRegistry } from '../../../core/events/registry.ts';
import { continueTrace, isTraceparent } from '../../../core/events/trace.ts';
import { decodeMessage, encodeMessage } from '../../../core/events/wire.ts';
import { reading, TRACEPARENT } from '../../support/events.ts';
import { scriptedIds } from '../../support/ids.ts';
import { property } from '../../support/properties.ts';

/** Takes `true` alone, and gives a set answer about anything else. */
function validator(errors: CompiledValidator['errors']): CompiledValidator {
  const validate: CompiledValidator = (data) => data === true;
  if (errors !== undefined) validate.errors = errors;
  return validate;
}

describe('the registry', () => {
  test('knows what it was given and nothing else', () => {
    const registry = new SchemaRegistry({ a: validator(null) });
    expect(['a', 'b', '', '__proto__', 'constructor'].map((type) => registry.has(type))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  test('reports the first fault', () => {
    const registry = new SchemaRegistry({
      a: validator([{ instancePath: '/x/0', message: 'must be a text' }, { instancePath: '/y' }]),
      b: validator([{ instancePath: '', message: 'must be an object' }]),
      c: validator(null),
    });
    expect(registry.validate('a', true)).toBeUndefined();
    expect(registry.validate('a', 1)).toEqual({ pointer: '/x/0', detail: 'data.x.0 must be a text' });
    expect(registry.validate('b', 1)).toEqual({ pointer: '', detail: 'data must be an object' });
    expect(registry.validate('c', 1)).toEqual({ pointer: '', detail: 'data does not match its schema' });
  });

  test('refuses to validate a type it does not know', () => {
    expect(() => new SchemaRegistry({}).validate('a', 1)).toThrow(TypeError);
  });
});

describe('traces', () => {
  const SPAN = 'aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb';
  const TRACE = 'cccccccccccccccccccccccccccccccc';

  test('an incoming trace goes on with a span of its own and the same flags', () => {
    expect(continueTrace(TRACEPARENT, scriptedIds(SPAN))).toBe(
      '00-4bf92f3577b34da6a3ce929d0e0e4736-aaaaaaaaaaaaaaaa-01',
    );
    expect(continueTrace(TRACEPARENT.replace(/01$/, '00'), scriptedIds(SPAN))).toBe(
      '00-4bf92f3577b34da6a3ce929d0e0e4736-aaaaaaaaaaaaaaaa-00',
    );
  });

  test.each([null, undefined, '', 'x', `${TRACEPARENT},${TRACEPARENT}`, ` ${TRACEPARENT}`])(
    'a new, sampled trace begins for %j',
    (incoming) => {
      expect(continueTrace(incoming, scriptedIds(SPAN, TRACE))).toBe(`00-${TRACE}-aaaaaaaaaaaaaaaa-01`);
    },
  );

  test.each([
    ['cc-{ids}-01', '01'],
    ['cc-{ids}-01-what-the-future-will-be-like', '01'],
    ['01-{ids}-ff', '03'],
    ['fe-{ids}-00-', '00'],
  ])('the trace of a later version goes on: %s', (form, flags) => {
    const incoming = form.replace('{ids}', TRACEPARENT.slice(3, 52));
    expect(continueTrace(incoming, scriptedIds(SPAN, TRACE))).toBe(
      `${TRACEPARENT.slice(0, 36)}aaaaaaaaaaaaaaaa-${flags}`,
    );
  });

  test.each(['ff-{ids}-01', 'cc-{ids}-01x', 'cc-{ids}-01.x', '00-{ids}-01-x', 'cc-{ids}', 'c-{ids}-01'])(
    'a new trace begins for %s',
    (form) => {
      const incoming = form.replace('{ids}', TRACEPARENT.slice(3, 52));
      expect(continueTrace(incoming, scriptedIds(SPAN, TRACE))).toBe(`00-${TRACE}-aaaaaaaaaaaaaaaa-01`);
    },
  );

  test('what is a traceparent', () => {
    expect(isTraceparent(TRACEPARENT)).toBe(true);
    expect(isTraceparent(`${TRACEPARENT}\n`)).toBe(false);
    expect(isTraceparent(TRACEPARENT.replace('00-', '01-'))).toBe(false);
  });
});

describe('messages', () => {
  test('are the event with its tenant inside', () => {
    expect(JSON.parse(encodeMessage({ tenant: 'acme', event: reading() }))).toEqual({
      ...reading(),
      polycelltenant: 'acme',
    });
  });

  property(
    'come back as they were sent',
    fc.record({
      id: fc.string({ unit: 'binary' }),
      note: fc.string(),
      value: fc.double({ noNaN: true, noDefaultInfinity: true }),
    }),
    ({ id, note, value }) => {
      const event = reading({ id, note, data: { metric: 'm', value: value + 0 } });
      expect(decodeMessage(encodeMessage({ tenant: 'acme', event }))).toEqual({ tenant: 'acme', event });
    },
  );

  test.each([
    ['no JSON', '{', SyntaxError],
    ['nothing', '', SyntaxError],
    ['null', 'null', TypeError],
    ['a list', '[]', TypeError],
    ['a text', '"x"', TypeError],
    ['no event', '{}', TypeError],
    ['no tenant', JSON.stringify(reading()), TypeError],
    ['a tenant that is no text', JSON.stringify({ ...reading(), polycelltenant: 1 }), TypeError],
    ['an id that is no text', JSON.stringify({ ...reading(), polycelltenant: 'acme', id: 1 }), TypeError],
    ['a tenant that is no name', JSON.stringify({ ...reading(), polycelltenant: 'a/b' }), TypeError],
    ['a tenant that breaks out of its partition', JSON.stringify({ ...reading(), polycelltenant: 'a|b' }), TypeError],
    ['a time that is none', JSON.stringify({ ...reading({ time: 'soon' }), polycelltenant: 'acme' }), TypeError],
    ['a subject that is none', JSON.stringify({ ...reading({ subject: 'a/b' }), polycelltenant: 'acme' }), TypeError],
  ])('%s is refused', (_case, text, error) => {
    expect(() => decodeMessage(text)).toThrow(error);
  });
});
