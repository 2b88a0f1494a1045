// The README of a module: what is written by hand above the mark, and what the module says of itself below it.
import { attributeOf, type Expression, textOf } from './hcl/syntax.ts';
import { blocksOf, type Module } from './modules.ts';

/** Everything below is made. */
export const MARK = '<!-- What follows is made by `npm run infra:generate`. -->';

/** The README with its lower part made anew; `present` is the file as it is. */
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

/** The outside of a type: what it is made of is in variables.tf. */
function kindOf(type: Expression | undefined): string {
  if (type?.kind === 'traversal') return type.root;
  if (type?.kind !== 'call') return '';
  const [inner] = type.arguments;
  return type.name === 'object' || inner === undefined ? type.name : `${type.name} of ${kindOf(inner)}`;
}
