// What infra/ declares and builds: checked as `npm run check:infra` does it without terraform, and held against the code that runs there.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkInfra, checkModules } from '../../build/infra/check.ts';
import { checkDeclarations, type DeclaredCell } from '../../build/infra/declared.ts';
import { checkGenerated } from '../../build/infra/generate.ts';
import { checkRoots } from '../../build/infra/roots.ts';
import { OUTPUTS } from '../../build/infra/scaffold.ts';
import type { Problem } from '../../build/infra/schema.ts';
import { fixtureRoot, PROJECT } from './support/sources.ts';
import { outputsOf, variableTypes } from './support/terraform.ts';

const inWords = (problems: readonly Problem[]): string[] =>
  problems.map(({ file, line, message }) => `${file}:${line} ${message}`);

test('infra/ holds', () => {
  expect(inWords(checkInfra(PROJECT))).toEqual([]);
});

/** What a check says of a copy of the project's infra/ with the files of a fixture over it. */
function withFixture(name: string, check: (root: string) => readonly Problem[]): string[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'polycell-infra-'));
  try {
    cpSync(path.join(PROJECT, 'infra'), path.join(folder, 'infra'), { recursive: true });
    cpSync(path.join(fixtureRoot('infra'), name), folder, { recursive: true });
    return inWords(check(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const fixtures = (folder: string): string[] => readdirSync(path.join(fixtureRoot('infra'), folder)).sort();

/** Folder below `infra/examples/` → what must be said of its main.tf, and nothing else. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  'wrong-attribute': ['3 aws_sqs_queue.this: unknown attribute visibility_timeout.'],
  'missing-block': [
    '1 azurerm_cosmosdb_account.this: missing required block consistency_policy.',
    '1 azurerm_cosmosdb_account.this: missing required block consistency_policy (in azurerm 5.2.0).',
  ],
  'block-for-attribute': [
    '1 cloudflare_workers_cron_trigger.this: missing required attribute schedules.',
    '5 cloudflare_workers_cron_trigger.this: schedules is an attribute: write schedules = …, not a block.',
  ],
  'wrong-value': [
    '5 azurerm_servicebus_namespace.this.sku is "Gold"; it may be Basic, Standard, Premium.',
    '5 azurerm_servicebus_namespace.this.sku is "Gold"; it may be Basic, Standard, Premium (in azurerm 5.2.0).',
    '6 azurerm_servicebus_namespace.this.local_auth_enabled must be a bool, not "no".',
    '6 azurerm_servicebus_namespace.this.local_auth_enabled must be a bool, not "no" (in azurerm 5.2.0).',
  ],
  'read-only': ['3 aws_sns_topic.this: arn is read-only.'],
  'unknown-type': [
    '1 infra/schemas/ knows no resource aws_sqs_queues (did you mean aws_sqs_queue?); infra/schemas/README.md explains how to add one.',
  ],
  'wildcard-action': [
    '7 dynamodb:* is a wildcard action: list the actions that are called.',
    '8 Resource is *, but sqs:SendMessage can name what they act upon.',
  ],
  'managing-role': ['4 Contributor manages resources: assign a role for their data.'],
  dangling: [
    '1 module.cell must set zone_id.',
    '5 infra/modules/dns-failover/route53 has no variable edge (did you mean edges?).',
    '6 var.ttl_seconds is not declared.',
    '7 There is no function lowercase.',
    '7 aws_sns_topic.events has no attribute host.',
    '7 local.host is not declared.',
    '10 var.ttl is declared and never used.',
    '13 The validation of ttl must refer to var.ttl.',
    '20 module.cell has no output check_ids (did you mean checks?).',
    '24 each is used without for_each.',
  ],
  syntax: ['5 There must be }, not the end.'],
};

test('a broken module is refused with file and line', () => {
  const expected = Object.entries(MODULES).flatMap(([name, lines]) =>
    lines.map((line) => `infra/examples/${name}/main.tf:${line}`),
  );
  expect(withFixture('modules', checkModules).sort()).toEqual(expected.sort());
  expect(fixtures('modules/infra/examples')).toEqual(Object.keys(MODULES).sort());
});

/** Fixture → what must be said of its declarations, and nothing else. */
const DECLARATIONS: Readonly<Record<string, readonly string[]>> = {
  'overlapping-cidr': [
    'infra/cells.json:34 10.30.0.0/16 of azure-gamma overlaps 10.30.0.0/15 of azure-beta.',
    'infra/address-plan.json:9 10.30.0.0/15 is not allocated to azure-beta, which declares it; 10.30.0.0/16 belongs to azure-gamma.',
  ],
  'wrong-place': [
    'infra/cells.json:10 10.16.0.0/16 of aws-alpha lies outside of 10.0.0.0/12, which is for aws.',
    'infra/cells.json:17 infra/regions.json knows no region westeuropa of azure.',
    'infra/cells.json:30 eastus2 lies in the jurisdiction us, not eu.',
    'infra/address-plan.json:9 10.16.0.0/16 is not allocated to aws-alpha, which declares it; add it to the allocations.',
  ],
  'wrong-form': [
    "infra/cells.json:2 /0 must have required property 'capacity'.",
    'infra/cells.json:24 /1 must NOT have additional properties: cost.',
  ],
  'unknown-runtime': [
    'infra/cells.json:11 /0/runtime must be equal to one of the allowed values: nodejs20, nodejs22, nodejs24, container.',
  ],
  twice: [
    'infra/cells.json:27 The id azure-beta is used twice.',
    'infra/cells.json:34 10.20.0.0/16 of azure-beta overlaps 10.20.0.0/16 of azure-beta.',
  ],
  'address-plan': [
    'infra/address-plan.json:5 10.8.0.0/13 for third overlaps 10.0.0.0/12 for aws.',
    'infra/address-plan.json:23 10.30.128.0/17 for vpn overlaps 10.30.0.0/16 for azure-gamma.',
  ],
  'unknown-consumer': [
    'infra/objectives.json:41 The topology declares no consumer rollup; it has device-state, rollups, catalog, replicate.',
    'infra/objectives.json:43 There is no alarm queueAge; there are errors, throttles, relayLagSeconds, queueAgeSeconds, deadLetters, parked.',
  ],
};

test.each(Object.entries(DECLARATIONS))('%s is refused with file and line', (name, expected) => {
  expect(withFixture(`declarations/${name}`, checkDeclarations)).toEqual(expected);
});

test('every fixture of declarations is used', () => {
  expect(fixtures('declarations')).toEqual(Object.keys(DECLARATIONS).sort());
});

test('a root that was edited is refused, and one whose cell is gone', () => {
  const cells: readonly DeclaredCell[] = JSON.parse(readFileSync(path.join(PROJECT, 'infra/cells.json'), 'utf8'));
  expect(withFixture('roots', (root) => [...checkGenerated(root), ...checkRoots(root, cells)])).toEqual([
    'infra/live/aws-alpha/outputs.tf:1 It is stale: run npm run infra:generate.',
    'infra/live/aws-gone:1 infra/cells.json declares no cell aws-gone: destroy what the root has made, then remove it.',
  ]);
});

test('both kinds of cells take the same variables, but for what one cloud alone knows', () => {
  const aws = variableTypes('infra/modules/aws-event-cell');
  const azure = variableTypes('infra/modules/azure-event-cell');
  expect(Object.keys(azure)).toEqual(Object.keys(aws));
  const { options: _aws, ...awsShared } = aws;
  const { options: _azure, ...azureShared } = azure;
  expect(azureShared).toEqual(awsShared);
});

test('both kinds of cells give the same outputs, and a root passes them on', () => {
  const aws = outputsOf('infra/modules/aws-event-cell');
  expect(outputsOf('infra/modules/azure-event-cell')).toEqual(aws);
  expect(OUTPUTS).toEqual(aws);
});
