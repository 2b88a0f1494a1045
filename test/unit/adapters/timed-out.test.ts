// Which errors of the SDKs mean no more than that an answer did not come in time, on both clouds.
import { toPortError as fromAws } from '../../../adapters/aws/errors.ts';
import { toPortError as fromAzure, toReadError } from '../../../adapters/azure/errors.ts';

const error = (name: string, code?: string | number) =>
  Object.assign(new Error('x'), { name, ...(code !== undefined && { code }) });

test.each([
  ['the SDK gives up on a request', error('TimeoutError')],
  ['the connection is not made in time', error('Error', 'ETIMEDOUT')],
  ['the service says so', error('RequestTimeout')],
])('AWS: %s', (_case, thrown) => {
  expect(fromAws(thrown)).toMatchObject({ code: 'unknown-outcome', timedOut: true });
});

test.each([
  ['Cosmos DB gives up on a request', error('ErrorResponse', 408)],
  ['the SDK does', error('TimeoutError', 'TimeoutError')],
  ['Service Bus does', error('ServiceBusError', 'ServiceTimeout')],
  ['its SDK does', error('OperationTimeoutError')],
])('Azure: %s', (_case, thrown) => {
  expect(fromAzure(thrown)).toMatchObject({ code: 'unknown-outcome', timedOut: true });
  expect(toReadError(thrown)).toMatchObject({ code: 'unavailable', timedOut: true });
});

test.each([
  ['a connection that is cut', fromAws(error('Error', 'ECONNRESET')), fromAzure(error('Error', 'ECONNRESET'))],
  ['one that is refused', fromAws(error('Error', 'ECONNREFUSED')), fromAzure(error('Error', 'ECONNREFUSED'))],
  ['too many requests', fromAws(error('ThrottlingException')), fromAzure(error('ErrorResponse', 429))],
])('%s is no slowness', (_case, aws, azure) => {
  expect([aws.timedOut, azure.timedOut]).toEqual([false, false]);
});
