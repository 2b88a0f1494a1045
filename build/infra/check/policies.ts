// Holds the policies that modules write against least privilege: no action is a wildcard, and a resource only where an action knows none.
import {
  attributeOf,
  type Block,
  type Expression,
  entryOf,
  expressionsOf,
  type ObjectValue,
  textOf,
  visitExpression,
} from '../hcl/syntax.ts';
import type { Module } from '../modules.ts';
import type { Problem } from '../schema.ts';

/** Actions that have no resource: their policies must say `*`. https://docs.aws.amazon.com/service-authorization/latest/reference/ */
export const WITHOUT_RESOURCE: ReadonlySet<string> = new Set([
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
]);

/** Resources whose policy is about themselves, so that `*` means no more than the resource. */
const OWN_POLICY = new Set(['aws_kms_key']);

/** Every statement of a policy that an expression writes: an object with Effect and Action. */
export function statementsIn(expression: Expression): readonly ObjectValue[] {
  const found: ObjectValue[] = [];
  visitExpression(expression, (each) => {
    if (each.kind === 'object' && entryOf(each, 'Effect') !== undefined) found.push(each);
  });
  return found;
}

/** The texts of a value that is one text or a list of them, with their lines; anything else is left out. */
export function textsOf(
  expression: Expression | undefined,
): readonly { readonly text: string; readonly line: number }[] {
  if (expression === undefined) return [];
  const items = expression.kind === 'tuple' ? expression.items : [expression];
  return items.flatMap((item) => {
    const text = textOf(item);
    return text === undefined ? [] : [{ text, line: item.line }];
  });
}

/** What is too wide in the policies of a module. */
export function checkPolicies(module: Module): Problem[] {
  return module.blocks.flatMap((block) =>
    [...wideStatements(block), ...wideRoles(block)].map((problem) => ({ file: block.file, ...problem })),
  );
}

function wideStatements(block: Block): Omit<Problem, 'file'>[] {
  const problems: Omit<Problem, 'file'>[] = [];
  const statements = [...expressionsOf(block.body)].flatMap(statementsIn);
  for (const statement of new Set(statements)) {
    if (textOf(entryOf(statement, 'Effect')?.value) === 'Deny') continue;
    const actions = textsOf(entryOf(statement, 'Action')?.value);
    for (const { text, line } of actions)
      if (text.includes('*'))
        problems.push({ line, message: `${text} is a wildcard action: list the actions that are called.` });
    if (entryOf(statement, 'NotAction') !== undefined)
      problems.push({
        line: statement.line,
        message: 'NotAction allows whatever it does not name: list the actions that are called.',
      });
    for (const { text, line } of textsOf(entryOf(statement, 'Resource')?.value)) {
      const needing = actions.filter((action) => !WITHOUT_RESOURCE.has(action.text)).map((action) => action.text);
      if (text === '*' && needing.length > 0 && !(block.type === 'resource' && OWN_POLICY.has(block.labels[0] ?? '')))
        problems.push({ line, message: `Resource is *, but ${needing.join(', ')} can name what they act upon.` });
    }
    const principal = entryOf(statement, 'Principal')?.value;
    if (textOf(principal) === '*' || textsOf(entryOf(principal, 'AWS')?.value).some(({ text }) => text === '*'))
      problems.push({ line: statement.line, message: 'Principal is *: name who may.' });
  }
  return problems;
}

/** Roles of Azure that manage, rather than use, what they are assigned on. */
const MANAGING_ROLES = new Set([
  'Owner',
  'Contributor',
  'User Access Administrator',
  'Azure Service Bus Data Owner',
  'Role Based Access Control Administrator',
]);

function wideRoles({ type, labels, body }: Block): Omit<Problem, 'file'>[] {
  if (type !== 'resource') return [];
  const problems: Omit<Problem, 'file'>[] = [];
  if (labels[0] === 'azurerm_role_assignment') {
    const role = attributeOf(body, 'role_definition_name');
    const name = textOf(role?.value);
    if (role !== undefined && name !== undefined && MANAGING_ROLES.has(name))
      problems.push({ line: role.line, message: `${name} manages resources: assign a role for their data.` });
  }
  if (labels[0]?.endsWith('_role_definition'))
    for (const permissions of body.blocks.filter((block) => block.type === 'permissions'))
      for (const name of ['actions', 'data_actions'])
        for (const { text, line } of textsOf(attributeOf(permissions.body, name)?.value))
          if (text.includes('*'))
            problems.push({ line, message: `${text} is a wildcard action: list the actions that are called.` });
  return problems;
}
