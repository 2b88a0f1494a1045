// Optional attributes and the texts of data: what is published must be valid CloudEvents, and come back as it was sent.

import { registryOf } from '../../../core/domain/application.ts';
import { type Acceptance, acceptEvent } from '../../../core/events/accept.ts';
import { epochMs } from '../../../core/ports/clock.ts';
import type { Json } from '../../../core/ports/json.ts';
import { candidate } from '../../support/events.ts';
import { START } from '../../support/fake-clock.ts';
import { METERS } from '../../support/meters.ts';

const accept = (event: Json): Acceptance => acceptEvent(event, { registry: registryOf(METERS), now: epochMs(START) });

/** Code and pointer of a refusal, or `accepted`. */
function verdict(event: Json): string {
  const result = accept(event);
  return result.accepted ? 'accepted' : `${result.rejection.code} ${result.rejection.pointer ?? 'nowhere'}`;
}

describe('optional attributes', () => {
  test.each([
    '',
    5,
    true,
    'schema',
    '/schemas/1',
    'https://a b',
    'https://a.example/%zz',
    'https://a.example/ü',
    '1a:b',
    'x:',
  ])('dataschema may not be %j', (dataschema) => {
    expect(verdict(candidate({ dataschema }))).toBe('invalid_attribute /dataschema');
  });

  test.each(['https://schemas.example/reading/1?x=%20#/a', 'urn:example:schema', 'tag:a'])(
    'dataschema may be %s',
    (dataschema) => {
      expect(verdict(candidate({ dataschema }))).toBe('accepted');
    },
  );

  test.each(['\u0000', 'a\u001fb', '\u007f', '\u009f', '\ud800', '\uffff', '\u{10fffe}'])(
    'an extension attribute may not hold %j',
    (site) => {
      expect(verdict(candidate({ site }))).toBe('invalid_attribute /site');
    },
  );

  test.each([1.5, 2 ** 31, -(2 ** 31) - 1])('an extension attribute may not be the number %d', (level) => {
    expect(verdict(candidate({ level }))).toBe('invalid_attribute /level');
  });

  test.each([0, 2 ** 31 - 1, -(2 ** 31)])('an extension attribute may be the number %d', (level) => {
    expect(verdict(candidate({ level }))).toBe('accepted');
  });

  test.each([
    ['application/json', 'accepted'],
    ['text/json; charset=utf8', 'accepted'],
    ['application/senml+json;profile="x; charset=latin1"', 'accepted'],
    ['application/jsonx', 'invalid_attribute /datacontenttype'],
    ['application/json; charset', 'invalid_attribute /datacontenttype'],
    ['json', 'invalid_attribute /datacontenttype'],
    ['application/xml', 'invalid_attribute /datacontenttype'],
  ])('datacontenttype %s: %s', (datacontenttype, expected) => {
    expect(verdict(candidate({ datacontenttype }))).toBe(expected);
  });
});

test.each([
  ['a value', { metric: 'a\ud800', value: 1 }, '/data/metric'],
  ['a name', { metric: 'a', value: 1, '\udc00': 1 }, ''],
])('half a surrogate pair in %s of the data is refused: two of them would become one', (_case, data, pointer) => {
  expect(verdict(candidate({ data }))).toContain(`invalid_data ${pointer}`);
});
