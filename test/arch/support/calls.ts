// What the adapters call, and which actions of the clouds allow it.
import ts from 'typescript-api';
import { localsOf, statementsIn, textsOf } from '../../../build/infra/check/policies.ts';
import type { Expression } from '../../../build/infra/hcl/syntax.ts';
import type { Module } from '../../../build/infra/modules.ts';
import { type Source, walk } from './sources.ts';
import { entryOf } from './terraform.ts';

/** Command of the SDK → what IAM calls it (https://docs.aws.amazon.com/service-authorization/latest/reference/). */
export const AWS_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  BatchExecuteStatementCommand: ['dynamodb:PartiQLInsert'],
  BatchGetItemCommand: ['dynamodb:BatchGetItem'],
  DeleteItemCommand: ['dynamodb:DeleteItem'],
  DeleteMessageBatchCommand: ['sqs:DeleteMessage'],
  DescribeStreamCommand: ['dynamodb:DescribeStream'],
  GetItemCommand: ['dynamodb:GetItem'],
  GetRecordsCommand: ['dynamodb:GetRecords'],
  GetShardIteratorCommand: ['dynamodb:GetShardIterator'],
  ListStreamsCommand: ['dynamodb:ListStreams'],
  PublishBatchCommand: ['sns:Publish'],
  PutItemCommand: ['dynamodb:PutItem'],
  QueryCommand: ['dynamodb:Query'],
  ReceiveMessageCommand: ['sqs:ReceiveMessage'],
  ScanCommand: ['dynamodb:Scan'],
  TransactWriteItemsCommand: ['dynamodb:ConditionCheckItem', 'dynamodb:DeleteItem', 'dynamodb:PutItem'],
};

/** Commands that the adapters of functions make, by the names they are made under; an operator's own credentials write exports. */
export function commandsOf(sources: readonly Source[]): string[] {
  const commands = new Set<string>();
  for (const { file, tree } of sources)
    if (file.startsWith('aws/') && file !== 'aws/s3-objects.ts')
      walk(tree, (node) => {
        if (ts.isNewExpression(node) && /Command$/.test(node.expression.getText(tree)))
          commands.add(node.expression.getText(tree));
      });
  return [...commands].sort();
}

/** Every action that the statements in these expressions allow. */
export function actionsIn(module: Module, expressions: readonly Expression[]): string[] {
  const statements = expressions.flatMap(statementsIn);
  const actions = statements.flatMap(
    (statement) => textsOf(entryOf(statement, 'Action')?.value, localsOf(module)) ?? [],
  );
  return [...new Set(actions.map(({ text }) => text))].sort();
}
