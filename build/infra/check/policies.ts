// Checks the modules' policies for least privilege: no wildcard actions, and wildcard resources only for actions without resources.
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
import { blocksOf, type Module } from '../modules.ts';
import type { Problem } from '../schema.ts';

/** Actions without resource-level permissions: their policies must use `*`. https://docs.aws.amazon.com/service-authorization/latest/reference/ */
export const WITHOUT_RESOURCE: ReadonlySet<string> = new Set([
  'application-autoscaling:DescribeScalableTargets',
  'application-autoscaling:DescribeScalingPolicies',
  'cloudwatch:DescribeAlarms',
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeAddresses',
  'ec2:DescribeAddressesAttribute',
  'ec2:DescribeAvailabilityZones',
  'ec2:DescribeInternetGateways',
  'ec2:DescribeNatGateways',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribePrefixLists',
  'ec2:DescribeRouteTables',
  'ec2:DescribeSecurityGroupRules',
  'ec2:DescribeSecurityGroups',
  'ec2:DescribeSubnets',
  'ec2:DescribeVpcAttribute',
  'ec2:DescribeVpcEndpoints',
  'ec2:DescribeVpcs',
  'ec2:UnassignPrivateIpAddresses',
  'ecr:GetAuthorizationToken',
  'ecs:CreateCluster',
  'ecs:DescribeTaskDefinition',
  'ecs:RegisterTaskDefinition',
  'elasticloadbalancing:DescribeListenerAttributes',
  'elasticloadbalancing:DescribeListeners',
  'elasticloadbalancing:DescribeLoadBalancerAttributes',
  'elasticloadbalancing:DescribeLoadBalancers',
  'elasticloadbalancing:DescribeTags',
  'elasticloadbalancing:DescribeTargetGroupAttributes',
  'elasticloadbalancing:DescribeTargetGroups',
  'elasticloadbalancing:DescribeTargetHealth',
  'kms:CreateKey',
  'kms:ListAliases',
  'lambda:CreateEventSourceMapping',
  'lambda:GetEventSourceMapping',
  'lambda:ListEventSourceMappings',
  'logs:CreateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:DescribeLogGroups',
  'logs:DescribeMetricFilters',
  'logs:DescribeResourcePolicies',
  'logs:GetLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:UpdateLogDelivery',
  'sts:GetCallerIdentity',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
]);

/** Resources whose policy applies only to themselves, so that `*` means the resource itself. */
const OWN_POLICY = new Set(['aws_kms_key']);

/** Every policy statement in an expression: an object with Effect and Action. */
export function statementsIn(expression: Expression): readonly ObjectValue[] {
  const found: ObjectValue[] = [];
  visitExpression(expression, (each) => {
    if (each.kind === 'object' && entryOf(each, 'Effect') !== undefined) found.push(each);
  });
  return found;
}

export interface PlacedText {
  readonly text: string;
  readonly line: number;
}

/** The locals of a module by name. */
export const localsOf = (module: Module): ReadonlyMap<string, Expression> =>
  new Map(
    blocksOf(module, 'locals').flatMap(({ body }) => body.attributes.map(({ name, value }) => [name, value] as const)),
  );

/** The texts of a value that is one text or a list of them, directly or through a local; undefined for anything else. */
export function textsOf(
  expression: Expression | undefined,
  locals: ReadonlyMap<string, Expression> = new Map(),
): readonly PlacedText[] | undefined {
  if (expression === undefined) return undefined;
  const name = expression.kind === 'traversal' && expression.root === 'local' ? expression.path[0] : undefined;
  const followed = typeof name === 'string' ? (locals.get(name) ?? expression) : expression;
  const texts = (followed.kind === 'tuple' ? followed.items : [followed]).map((item) => startOf(item, locals));
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

/** A text; for a partly computed one, its known beginning. */
function startOf(item: Expression, locals: ReadonlyMap<string, Expression>): PlacedText | undefined {
  const text = textOf(item);
  if (text !== undefined) return { text, line: item.line };
  if (item.kind !== 'template') return undefined;
  const parts = item.parts.map((part) => (typeof part === 'string' ? part : (textsOf(part, locals)?.[0]?.text ?? '…')));
  return { text: parts.join(''), line: item.line };
}

/** The excessive permissions in the policies of a module. */
export function checkPolicies(module: Module): Problem[] {
  const locals = localsOf(module);
  return module.blocks.flatMap((block) =>
    [...wideStatements(block, locals), ...wideRoles(block, locals)].map((problem) => ({
      file: block.file,
      ...problem,
    })),
  );
}

type Found = Omit<Problem, 'file'>;

function wideStatements(block: Block, locals: ReadonlyMap<string, Expression>): Found[] {
  const statements = [...expressionsOf(block.body)].flatMap(statementsIn);
  const isOwn = block.type === 'resource' && OWN_POLICY.has(block.labels[0] ?? '');
  return [...new Set(statements)].flatMap((statement) => wideStatement(statement, isOwn, locals));
}

function wideStatement(statement: ObjectValue, isOwn: boolean, locals: ReadonlyMap<string, Expression>): Found[] {
  if (textOf(entryOf(statement, 'Effect')?.value) === 'Deny') return [];
  const problems: Found[] = [];
  const { line } = statement;
  if (entryOf(statement, 'NotAction') !== undefined)
    problems.push({ line, message: 'NotAction allows whatever it does not name: list the actions that are called.' });
  const actions = textsOf(entryOf(statement, 'Action')?.value, locals);
  if (actions === undefined)
    return [
      ...problems,
      { line, message: 'Action must be written out, or be a local that is: what cannot be read cannot be checked.' },
    ];
  problems.push(...wildcards(actions));
  const needing = actions.filter(({ text }) => !WITHOUT_RESOURCE.has(text)).map(({ text }) => text);
  // A computed value has a literal part; a bare * is a literal.
  const everything = textsOf(entryOf(statement, 'Resource')?.value, locals)?.find(({ text }) => text === '*');
  if (everything !== undefined && needing.length > 0 && !isOwn)
    problems.push({
      line: everything.line,
      message: `Resource is *, but ${needing.join(', ')} can name what they act upon.`,
    });
  const principal = entryOf(statement, 'Principal')?.value;
  const accounts = textsOf(entryOf(principal, 'AWS')?.value, locals) ?? [];
  if (textOf(principal) === '*' || accounts.some(({ text }) => text === '*'))
    problems.push({ line, message: 'Principal is *: name who may.' });
  return problems;
}

const wildcards = (actions: readonly PlacedText[]): Found[] =>
  actions
    .filter(({ text }) => text.includes('*'))
    .map(({ text, line }) => ({ line, message: `${text} is a wildcard action: list the actions that are called.` }));

/** Roles of Azure that manage, rather than use, what they are assigned on. */
const MANAGING_ROLES = new Set([
  'Owner',
  'Contributor',
  'User Access Administrator',
  'Azure Service Bus Data Owner',
  'Role Based Access Control Administrator',
]);

function wideRoles({ type, labels, body }: Block, locals: ReadonlyMap<string, Expression>): Found[] {
  if (type !== 'resource') return [];
  if (labels[0] === 'azurerm_role_assignment') {
    const role = attributeOf(body, 'role_definition_name');
    const name = textOf(role?.value);
    // A condition limits what may be managed, such as the roles that may be assigned.
    if (
      role === undefined ||
      name === undefined ||
      !MANAGING_ROLES.has(name) ||
      attributeOf(body, 'condition') !== undefined
    )
      return [];
    return [{ line: role.line, message: `${name} manages resources: assign a role for their data.` }];
  }
  if (!labels[0]?.endsWith('_role_definition')) return [];
  return body.blocks
    .filter((block) => block.type === 'permissions')
    .flatMap((permissions) =>
      ['actions', 'data_actions'].flatMap((name) => {
        const given = attributeOf(permissions.body, name);
        if (given === undefined) return [];
        const actions = textsOf(given.value, locals);
        if (actions !== undefined) return wildcards(actions);
        return [{ line: given.line, message: `${name} must be written out, or be a local that is.` }];
      }),
    );
}
