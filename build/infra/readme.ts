// The README of a module: written by hand above the mark, generated from the module below it.
import { attributeOf, type Expression, textOf } from './hcl/syntax.ts';
import { blocksOf, type Module } from './modules.ts';

/** Everything below this line is generated. */
export const MARK = '<!-- What follows is made by `npm run infra:generate`. -->';

/** The README with its lower part regenerated; `present` is the existing file. */
export function readmeOf(module: Module, present: string): string {
  const byHand = present.split(MARK)[0]?.trimEnd() ?? '';
  const variables = blocksOf(module, 'variable').map(({ labels, body }) => {
    const needed = attributeOf(body, 'default') === undefined;
    return `| \`${labels[0]}\` | ${cell(textOf(attributeOf(body, 'description')?.value))} | ${cell(kindOf(attributeOf(body, 'type')?.value))} | ${needed ? 'yes' : ''} |`;
  });
  const outputs = blocksOf(module, 'output').map(
    ({ labels, body }) => `| \`${labels[0]}\` | ${cell(textOf(attributeOf(body, 'description')?.value))} |`,
  );
  const resources = [...new Set(blocksOf(module, 'resource').map(({ labels }) => labels[0] ?? ''))].sort();
  return [
    byHand,
    '',
    MARK,
    '',
    '## Variables',
    '',
    '| Variable | What it is | Type | Required |',
    '|---|---|---|---|',
    ...variables,
    '',
    '## Outputs',
    '',
    '| Output | What it is |',
    '|---|---|',
    ...outputs,
    '',
    '## Resources',
    '',
    resources.map((name) => `\`${name}\``).join(', '),
    '',
  ].join('\n');
}

const cell = (text = ''): string => text.replaceAll('|', '\\|');

/** The outermost kind of a type; the details are in variables.tf. */
function kindOf(type: Expression | undefined): string {
  if (type?.kind === 'traversal') return type.root;
  if (type?.kind !== 'call') return '';
  const [inner] = type.arguments;
  return type.name === 'object' || inner === undefined ? type.name : `${type.name} of ${kindOf(inner)}`;
}
