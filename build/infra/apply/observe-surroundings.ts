// Reads from the API what surrounds a cell's functions: the HTTP API, logs, alarms, the dashboard, its key and its network.

import { at, items, type Json, meaning, text } from './json.ts';
import { ifThere, isOf, paged, type Reading } from './observe.ts';

export async function readApis({ client, cell, add, name: give }: Reading): Promise<void> {
  const list = (path: string) =>
    paged(async (token) => {
      const page = await client.rest('apigateway', `${path}${token === undefined ? '' : `?nextToken=${token}`}`);
      // Emulators write the names of this API in both ways.
      return { found: items(at(page, 'items') ?? at(page, 'Items')), next: at(page, 'nextToken') };
    });
  for (const api of await list('/v2/apis')) {
    if (text(at(api, 'name')) !== cell) continue;
    const id = text(at(api, 'apiId'));
    give(text(at(api, 'apiEndpoint')), '{endpoint}');
    give(id, '{api}');
    const integrations = await list(`/v2/apis/${id}/integrations`);
    add('api', cell, {
      protocol: at(api, 'protocolType') ?? null,
      closed: at(api, 'disableExecuteApiEndpoint') ?? false,
    });
    for (const route of await list(`/v2/apis/${id}/routes`)) {
      const target = integrations.find(
        (each) => `integrations/${text(at(each, 'integrationId'))}` === text(at(route, 'target')),
      );
      add('route', text(at(route, 'routeKey')), {
        type: at(target, 'integrationType') ?? null,
        function: /\/functions\/(.+)\/invocations$/.exec(text(at(target, 'integrationUri')))?.[1] ?? null,
        payload: at(target, 'payloadFormatVersion') ?? null,
        timeout: at(target, 'timeoutInMillis') ?? null,
      });
    }
    for (const stage of await list(`/v2/apis/${id}/stages`))
      add('stage', text(at(stage, 'stageName')), {
        deploys: at(stage, 'autoDeploy') ?? null,
        rate: at(stage, 'defaultRouteSettings', 'throttlingRateLimit') ?? null,
        burst: at(stage, 'defaultRouteSettings', 'throttlingBurstLimit') ?? null,
        log: at(stage, 'accessLogSettings', 'destinationArn') ?? null,
      });
  }
}

export async function readLogs({ client, cell, add }: Reading): Promise<void> {
  const list = (operation: string, name: string, input: { readonly [name: string]: Json } = {}) =>
    paged(async (token) => {
      const page = await client.json('logs', `Logs_20140328.${operation}`, {
        ...input,
        ...(token !== undefined && { nextToken: token }),
      });
      return { found: items(at(page, name)), next: at(page, 'nextToken') };
    });
  for (const prefix of [`/aws/lambda/${cell}`, `/aws/apigateway/${cell}`])
    for (const group of await list('DescribeLogGroups', 'logGroups', { logGroupNamePrefix: prefix })) {
      const name = text(at(group, 'logGroupName'));
      if (!isOf(prefix, name)) continue;
      add('logs', name, {
        days: at(group, 'retentionInDays') ?? null,
        key: at(group, 'kmsKeyId') ?? null,
      });
    }
  for (const filter of await list('DescribeMetricFilters', 'metricFilters')) {
    const name = text(at(filter, 'filterName'));
    if (!isOf(cell, name)) continue;
    const [metric] = items(at(filter, 'metricTransformations'));
    add('filter', name, {
      group: at(filter, 'logGroupName') ?? null,
      pattern: at(filter, 'filterPattern') ?? null,
      metric: `${text(at(metric, 'metricNamespace'))} ${text(at(metric, 'metricName'))}`,
      value: at(metric, 'metricValue') ?? null,
    });
  }
}

const CLOUDWATCH = '2010-08-01';

export async function readAlarms({ client, cell, add }: Reading): Promise<void> {
  const query = (operation: string, parameters: Readonly<Record<string, string>>) =>
    client.query('monitoring', CLOUDWATCH, operation, parameters);
  const alarms = await paged(async (token) => {
    const page = await query('DescribeAlarms', {
      AlarmNamePrefix: cell,
      ...(token !== undefined && { NextToken: token }),
    });
    return { found: items(at(page, 'MetricAlarms')), next: at(page, 'NextToken') };
  });
  for (const alarm of alarms) {
    const name = text(at(alarm, 'AlarmName'));
    if (!isOf(cell, name)) continue;
    const number = (field: string): number => Number(text(at(alarm, field)));
    add('alarm', name, {
      metric: `${text(at(alarm, 'Namespace'))} ${text(at(alarm, 'MetricName'))}`,
      of: items(at(alarm, 'Dimensions')).map((each) => `${text(at(each, 'Name'))} ${text(at(each, 'Value'))}`),
      statistic: at(alarm, 'Statistic') ?? null,
      comparison: at(alarm, 'ComparisonOperator') ?? null,
      threshold: number('Threshold'),
      period: number('Period'),
      evaluations: number('EvaluationPeriods'),
      breaching: number('DatapointsToAlarm'),
      withoutData: at(alarm, 'TreatMissingData') ?? null,
      says: items(at(alarm, 'AlarmActions')),
      saysWhenOver: items(at(alarm, 'OKActions')),
    });
  }
  const dashboards = items(at(await query('ListDashboards', { DashboardNamePrefix: cell }), 'DashboardEntries'));
  for (const dashboard of dashboards) {
    const name = text(at(dashboard, 'DashboardName'));
    if (!isOf(cell, name)) continue;
    const body = meaning(at(await query('GetDashboard', { DashboardName: name }), 'DashboardBody'));
    const metrics = items(at(body, 'widgets')).flatMap((widget) => items(at(widget, 'properties', 'metrics')));
    // Names of metrics that the cell makes itself, which nothing but its filters ties to them.
    const own = metrics.map((metric) => items(metric).map(text)).filter(([space]) => space === `Polycell/${cell}`);
    add('dashboard', name, { own: [...new Set(own.map(([, metric]) => metric ?? ''))].sort() });
  }
}

/** The key of a cell, but one that waits to be deleted: AWS keeps it for as long as it was asked to. */
export async function readKeys({ client, cell, add, name: give }: Reading): Promise<void> {
  const call = (operation: string, input: Json) => client.json('kms', `TrentService.${operation}`, input);
  const list = (operation: string, name: string) =>
    paged(async (token) => {
      const page = await call(operation, token === undefined ? {} : { Marker: token });
      return { found: items(at(page, name)), next: at(page, 'NextMarker') };
    });
  const aliases = await list('ListAliases', 'Aliases');
  for (const { KeyId } of (await list('ListKeys', 'Keys')).map((key) => ({ KeyId: text(at(key, 'KeyId')) }))) {
    const key = at(await ifThere(call('DescribeKey', { KeyId })), 'KeyMetadata');
    if (text(at(key, 'Description')) !== `Data of the cell ${cell}`) continue;
    if (text(at(key, 'KeyState')) === 'PendingDeletion') continue;
    give(text(at(key, 'Arn')), '{key}');
    give(KeyId, '{key id}');
    add('key', cell, {
      rotated: at(await call('GetKeyRotationStatus', { KeyId }), 'KeyRotationEnabled') ?? null,
      aliases: aliases
        .filter((alias) => text(at(alias, 'TargetKeyId')) === KeyId)
        .map((alias) => at(alias, 'AliasName') ?? null),
    });
  }
}

const EC2 = '2016-11-15';

export async function readNetworks({ client, cell, add }: Reading): Promise<void> {
  const own = async (operation: string, set: string): Promise<readonly Json[]> => {
    const parameters = { 'Filter.1.Name': 'tag:cell', 'Filter.1.Value.1': cell };
    return items(at(await client.query('ec2', EC2, operation, parameters), set));
  };
  const networks = await own('DescribeVpcs', 'vpcSet');
  const subnets = await own('DescribeSubnets', 'subnetSet');
  // An endpoint that was deleted is listed for a while.
  const endpoints = (await own('DescribeVpcEndpoints', 'vpcEndpointSet')).filter(
    (each) => !text(at(each, 'state')).startsWith('delet'),
  );
  const tables = await own('DescribeRouteTables', 'routeTableSet');
  const groups = await own('DescribeSecurityGroups', 'securityGroupInfo');
  const nameOf = (id: string): string =>
    text(
      at(
        groups.find((group) => text(at(group, 'groupId')) === id),
        'groupName',
      ),
    );
  const rules = (group: Json, set: string): readonly Json[] =>
    items(at(group, set)).flatMap((rule) => {
      const ports = `${text(at(rule, 'ipProtocol'))} ${text(at(rule, 'fromPort'))}-${text(at(rule, 'toPort'))}`;
      return [
        ...items(at(rule, 'groups')).map((each) => `${ports} ${nameOf(text(at(each, 'groupId')))}`),
        ...items(at(rule, 'prefixListIds')).map(() => `${ports} a prefix list`),
        ...items(at(rule, 'ipRanges')).map((each) => `${ports} ${text(at(each, 'cidrIp'))}`),
      ].sort();
    });
  for (const network of networks) add('network', cell, { cidr: at(network, 'cidrBlock') ?? null });
  for (const subnet of subnets)
    add('subnet', text(at(subnet, 'cidrBlock')), { public: text(at(subnet, 'mapPublicIpOnLaunch')) });
  for (const table of tables)
    add('route-table', cell, {
      subnets: items(at(table, 'associationSet')).filter((each) => text(at(each, 'subnetId')) !== '').length,
      outside: items(at(table, 'routeSet')).filter((route) => text(at(route, 'destinationCidrBlock')) === '0.0.0.0/0')
        .length,
    });
  for (const endpoint of endpoints)
    add('endpoint', text(at(endpoint, 'serviceName')), { type: at(endpoint, 'vpcEndpointType') ?? null });
  for (const group of groups)
    add('security-group', text(at(group, 'groupName')), {
      in: rules(group, 'ipPermissions'),
      out: rules(group, 'ipPermissionsEgress'),
    });
}
