// Where there is no DynamoDB emulator for a machine, the stack runs the cells that need none and says what the others want.

import { dynoxideBinary } from '../../../emulators/dynamodb/dynamodb-emulator.ts';
import type { Notice } from '../../../local/local-cell.ts';
import { Stack, type StackOptions } from '../../../local/stack.ts';
import { cellDeclaration } from '../../support/cell-declaration.ts';

const AWS = cellDeclaration({ id: 'aws-one', cloud: 'aws', region: 'eu-central-1' });
const AZURE = cellDeclaration({ id: 'azure-one', cloud: 'azure', region: 'westeurope' });
const WITHOUT = 'There is no DynamoDB emulator for sunos-sparc (npm package @dynoxide/sunos-sparc): ';
const ADVICE = 'start DynamoDB Local or another DynamoDB server and set DYNAMODB_ENDPOINT to its URL.';

async function stackOn(machine: [string, string] | [], more: Pick<StackOptions, 'cells' | 'environment'>) {
  const notices: Notice[] = [];
  const stack = await Stack.create({
    environment: {},
    ...more,
    version: 'test',
    notice: (notice) => notices.push(notice),
    onDeath: () => undefined,
    findDynamoDb: () => dynoxideBinary(...machine),
  });
  return { ids: stack.cells.map(({ id }) => id), notices };
}

it('AWS cells are left out, with the variable to set', async () => {
  expect(await stackOn(['sunos', 'sparc'], { cells: [AWS, AZURE] })).toEqual({
    ids: ['azure-one'],
    notices: [{ level: 'warn', part: 'aws-one', message: `left out. ${WITHOUT}${ADVICE}` }],
  });
});

it('they run with another server', async () => {
  const environment = { DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000' };
  expect(await stackOn(['sunos', 'sparc'], { cells: [AWS, AZURE], environment })).toEqual({
    ids: ['aws-one', 'azure-one'],
    notices: [],
  });
});

it('a stack of which nothing would be left is refused', async () => {
  await expect(stackOn(['sunos', 'sparc'], { cells: [AWS] })).rejects.toThrow(`${WITHOUT}${ADVICE}`);
});

it('nothing is left out, or looked for, where it is not needed', async () => {
  expect(await stackOn([], { cells: [AWS, AZURE] })).toEqual({ ids: ['aws-one', 'azure-one'], notices: [] });
  expect(await stackOn(['sunos', 'sparc'], { cells: [AZURE] })).toEqual({ ids: ['azure-one'], notices: [] });
});
