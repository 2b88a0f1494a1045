// Evolution of schemas: what may follow a published schema, and what may not because stored events would be refused.
import { narrowings, publishedFaults } from '../../../build/compatibility.ts';

const reading = {
  type: 'object',
  required: ['metric', 'value'],
  properties: { metric: { type: 'string', minLength: 1 }, value: { type: 'number' } },
};

const refused: readonly [string, object, object, string][] = [
  ['a new type', {}, { type: 'string' }, 'data must now be of type string'],
  ['a type less', { type: ['string', 'null'] }, { type: 'string' }, 'data may no longer be of type null'],
  ['whole numbers for any', { type: 'number' }, { type: 'integer' }, 'data may no longer be of type number'],
  ['a value less', { enum: ['a', 'b'] }, { enum: ['a'] }, 'data may no longer be "b"'],
  ['values for all', { type: 'string' }, { type: 'string', enum: ['a'] }, 'data may now only have listed values'],
  ['one value for several', { enum: [1, 2] }, { const: 1 }, 'data may no longer be 2'],
  ['a greater minimum', { minimum: 0 }, { minimum: 1 }, 'data has a greater minimum'],
  ['a first minimum', { type: 'number' }, { type: 'number', minimum: 1 }, 'data has a new minimum'],
  ['a shorter text', { maxLength: 9 }, { maxLength: 8 }, 'data has a smaller maxLength'],
  ['fewer items', { maxItems: 9 }, { maxItems: 8 }, 'data has a smaller maxItems'],
  ['a new pattern', { type: 'string' }, { type: 'string', pattern: '^a' }, 'data has a new pattern'],
  ['another format', { format: 'date' }, { format: 'time' }, 'data has another format'],
  ['another divisor', { multipleOf: 2 }, { multipleOf: 3 }, 'data has another multipleOf'],
  ['distinct items', { type: 'array' }, { type: 'array', uniqueItems: true }, 'data has a new uniqueItems'],
  ['a member more that is needed', { required: ['a'] }, { required: ['a', 'b'] }, 'data now needs the member b'],
  [
    'a member less of a closed object',
    { properties: { a: {}, b: {} }, additionalProperties: false },
    { properties: { a: {} }, additionalProperties: false },
    'data no longer has the member b',
  ],
  [
    'a closed object for an open one',
    { properties: { a: {} } },
    { properties: { a: {} }, additionalProperties: false },
    'data no longer takes other members',
  ],
  [
    'rules for other members',
    { type: 'object' },
    { type: 'object', additionalProperties: { type: 'string' } },
    'data has new rules for other members',
  ],
  [
    'narrower other members',
    { additionalProperties: { type: 'number' } },
    { additionalProperties: { type: 'integer' } },
    'data.* may no longer be of type number',
  ],
  [
    'a narrower member that was one of the others',
    { additionalProperties: { type: ['number', 'string'] } },
    { properties: { a: { type: 'number' } }, additionalProperties: { type: ['number', 'string'] } },
    'data.a may no longer be of type string',
  ],
  [
    'a narrower member, deep inside',
    { properties: { a: { items: { properties: { b: { maxLength: 5 } } } } } },
    { properties: { a: { items: { properties: { b: { maxLength: 4 } } } } } },
    'data.a[].b has a smaller maxLength',
  ],
  [
    'rules for items',
    { type: 'array' },
    { type: 'array', items: { type: 'string' } },
    'data has new rules for its items',
  ],
  [
    'an option less',
    { anyOf: [{ const: 1 }, { const: 2 }] },
    { anyOf: [{ const: 1 }] },
    'data has lost or changed option 2',
  ],
  ['new options', {}, { anyOf: [{ const: 1 }] }, 'data has a new anyOf'],
  ['what is not compared', { oneOf: [{ const: 1 }] }, { oneOf: [{ const: 1 }, {}] }, 'data has another oneOf'],
];

test.each(refused)('%s is refused', (_what, before, after, fault) => {
  expect(narrowings(before as never, after as never).join('\n')).toContain(fault);
});

test.each([
  ['the same', reading, reading],
  ['another description', { type: 'string', description: 'a' }, { type: 'string', description: 'b', title: 'T' }],
  ['any number for whole ones', { type: 'integer' }, { type: 'number' }],
  ['one type more', { type: 'string' }, { type: ['string', 'null'] }],
  ['one value more', { enum: ['a'] }, { enum: ['a', 'b'] }],
  ['several values for one', { const: 'a' }, { enum: ['b', 'a'] }],
  ['wider limits', { minimum: 1, maxLength: 5 }, { minimum: 0, maxLength: 6 }],
  ['no limits any more', { minimum: 1, pattern: '^a', uniqueItems: true }, {}],
  ['a member that is needed no more', { required: ['a', 'b'] }, { required: ['a'] }],
  ['a new optional member', { type: 'object' }, { type: 'object', properties: { a: { type: 'string' } } }],
  [
    'a new optional member of a closed object',
    { properties: {}, additionalProperties: false },
    { properties: { a: { type: 'string' } }, additionalProperties: false },
  ],
  [
    'an open object for a closed one',
    { properties: { a: {} }, additionalProperties: false },
    { properties: { a: {} } },
  ],
  ['one option more', { anyOf: [{ const: 1 }] }, { anyOf: [{ const: 2 }, { const: 1 }] }],
])('%s may follow', (_what, before, after) => {
  expect(narrowings(before as never, after as never)).toEqual([]);
});

test('a type that was published may not go; a new one may come', () => {
  expect(publishedFaults({ 'a.v1': {}, 'b.v1': { maxLength: 2 } }, { 'b.v1': { maxLength: 1 }, 'c.v1': {} })).toEqual([
    'a.v1: it was published and is gone.',
    'b.v1: data has a smaller maxLength.',
  ]);
});
