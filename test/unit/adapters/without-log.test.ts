// A client of AWS without its log: the SDK may rename the step, and then it would be there again.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { withoutLog } from '../../../adapters/aws/without-log.ts';

test('the step that copies requests and answers is gone, and the others are there', () => {
  for (const make of [
    () => new DynamoDBClient({ region: 'eu-central-1' }),
    () => new SNSClient({ region: 'eu-central-1' }),
  ]) {
    const steps = make().middlewareStack.identify();
    const left = withoutLog(make()).middlewareStack.identify();
    const isLog = (step: string) => /log/i.test(step);
    expect(steps.filter(isLog)).toHaveLength(1);
    expect(left).toEqual(steps.filter((step) => !isLog(step)));
  }
});
