// The parser of Terraform's language: what it makes of a file, with lines, and what it refuses.
import { parseExpression, parseFile } from '../../../build/infra/hcl/parser.ts';

test('a file is blocks and attributes, each with its line', () => {
  const { blocks } = parseFile(
    '# first\nresource "a_b" "c" {\n  name = "x" // end\n\n  inner { deep = 1 }\n  /* two\n  lines */ last = true\n}\n',
  );
  expect(blocks).toEqual([
    {
      type: 'resource',
      labels: ['a_b', 'c'],
      line: 2,
      body: {
        attributes: [
          { name: 'name', value: { kind: 'literal', value: 'x', line: 3 }, line: 3 },
          { name: 'last', value: { kind: 'literal', value: true, line: 7 }, line: 7 },
        ],
        blocks: [
          {
            type: 'inner',
            labels: [],
            line: 5,
            body: {
              attributes: [{ name: 'deep', value: { kind: 'literal', value: 1, line: 5 }, line: 5 }],
              blocks: [],
            },
          },
        ],
      },
    },
  ]);
});

test.each<[string, unknown]>([
  ['var.a[0].b', { kind: 'traversal', root: 'var', path: ['a', { kind: 'literal', value: 0, line: 1 }, 'b'], line: 1 }],
  ['a.*.id', { kind: 'traversal', root: 'a', path: ['*', 'id'], line: 1 }],
  [`"a\${b}c"`, { kind: 'template', parts: ['a', { kind: 'traversal', root: 'b', path: [], line: 1 }, 'c'], line: 1 }],
  [`"$\${b}"`, { kind: 'literal', value: `\${b}`, line: 1 }],
  ['"\\u00e9\\n"', { kind: 'literal', value: 'é\n', line: 1 }],
  [
    `"\${{ a = "}" }.a}"`,
    { kind: 'template', parts: [expect.objectContaining({ kind: 'access', path: ['a'] })], line: 1 },
  ],
  ['<<-T\n  a\n  T\n', { kind: 'literal', value: '  a\n', line: 1 }],
  [
    '{ a = 1, "b": null }',
    {
      kind: 'object',
      line: 1,
      entries: [expect.objectContaining({ name: 'a' }), expect.objectContaining({ name: 'b' })],
    },
  ],
  ['{ (a) = 1 }', { kind: 'object', line: 1, entries: [expect.objectContaining({ name: undefined })] }],
  [
    '[for k, v in a : v if k != "x"]',
    expect.objectContaining({ kind: 'for', variables: ['k', 'v'], key: undefined, condition: expect.anything() }),
  ],
  ['{ for v in a : v => v... }', expect.objectContaining({ kind: 'for', variables: ['v'], key: expect.anything() })],
])('%s', (text, expected) => {
  expect(parseExpression(text)).toEqual(expected);
});

test('operators bind as Terraform binds them', () => {
  const shape = (value: unknown): unknown => {
    const { operator, operands, root } = value as { operator?: string; operands?: unknown[]; root?: string };
    return operator === undefined ? root : [operator, ...(operands ?? []).map(shape)];
  };
  expect(shape(parseExpression('a || b && !c == d ? e + f * g : -h'))).toEqual([
    '?',
    ['||', 'a', ['&&', 'b', ['==', ['!', 'c'], 'd']]],
    ['+', 'e', ['*', 'f', 'g']],
    ['-', 'h'],
  ]);
});

test('nesting has an end', () => {
  expect(parseExpression(`${'['.repeat(99)}${']'.repeat(99)}`).kind).toBe('tuple');
  expect(() => parseExpression(`${'['.repeat(300)}${']'.repeat(300)}`)).toThrow('nested 200 deep at most');
});

test.each([
  ['a = 1 b = 2', 1, 'There must be the end of the line, not b.'],
  ['a = 1\na = 2', 2, 'a is set twice.'],
  ['a = "x\n"', 1, 'A string is not closed.'],
  ['a {\n  b = [1\n', 3, 'There must be ,, not the end.'],
  [`a = "\${b"`, 1, 'A string is not closed.'],
  ['/* a', 1, 'A comment is not closed.'],
  ['a = <<T\nx\n', 1, 'The text up to T is not closed.'],
  ['a = "%{ if b }c%{ endif }"', 1, 'Directives'],
  ['a = ;', 1, '";" has no meaning here.'],
  [`a "b\${c}" {}`, 1, 'There must be = or {, not a string.'],
])('%s is refused', (text, line, message) => {
  expect(() => parseFile(text)).toThrow(expect.objectContaining({ line, message: expect.stringContaining(message) }));
});
