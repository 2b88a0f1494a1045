// The faults of a store, in the words of DynamoDB and of a proxy before it.
import { jsonError } from '../../../emulators/faults/aws-faults.ts';
import type { Fault, FaultProxy } from '../../../emulators/faults/fault-proxy.ts';
import type { StoreFaults } from '../store/harness.ts';

export function dynamoDbFaults(proxy: FaultProxy): StoreFaults {
  const inject = (fault: Fault, times?: number): void => {
    proxy.inject({ fault, ...(times !== undefined && { times }) });
  };
  return {
    deny: () => inject(jsonError('AccessDeniedException', 'User: test is not authorized to perform this.')),
    throttle: (requests) => inject(jsonError('ThrottlingException', 'Rate of requests exceeds the limit.'), requests),
    throttleDocuments: (indices) =>
      proxy.inject({ fault: throttledStatements(indices), operation: 'BatchExecuteStatement', times: 1 }),
    refuseBulk: (text) =>
      proxy.inject({
        fault: jsonError('ValidationException', 'One of the statements is not valid.'),
        operation: 'BatchExecuteStatement',
        when: ({ body }) => body.includes(text),
      }),
    loseAnswers: (requests) => inject({ kind: 'cut-after' }, requests),
    loseRequests: (requests) => inject({ kind: 'cut-before' }, requests),
    disconnect: () => proxy.goDown(),
    heal: () => proxy.heal(),
  };
}

/** Some statements of a batch are not carried out, and answer that they were throttled. */
function throttledStatements(indices: readonly number[]): Fault {
  const isThrottled = (_: unknown, index: number) => indices.includes(index);
  return {
    kind: 'transform',
    request: ({ body }) => {
      const request = JSON.parse(body) as { Statements: unknown[] };
      const Statements = request.Statements.filter((statement, index) => !isThrottled(statement, index));
      return JSON.stringify({ ...request, Statements });
    },
    response: (response, { body }) => {
      const done = [...(JSON.parse(response.body) as { Responses: unknown[] }).Responses];
      const { Statements } = JSON.parse(body) as { Statements: unknown[] };
      const Responses = Statements.map((statement, index) =>
        isThrottled(statement, index)
          ? { Error: { Code: 'ThrottlingError', Message: 'Throughput exceeds the current capacity.' } }
          : done.shift(),
      );
      return { ...response, body: JSON.stringify({ Responses }) };
    },
  };
}
