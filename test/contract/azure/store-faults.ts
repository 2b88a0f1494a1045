// The faults of a store, in the words of Cosmos DB and of a proxy before it.
import type { Fault, FaultProxy, ProxiedCall, ProxiedResponse } from '../../../emulators/faults/fault-proxy.ts';
import type { StoreFaults } from '../store/harness.ts';

export function cosmosFaults(proxy: FaultProxy): StoreFaults {
  const inject = (fault: Fault, times?: number): void => {
    proxy.inject({ fault, ...(times !== undefined && { times }) });
  };
  const isBulk = ({ headers }: ProxiedCall) => headers['x-ms-cosmos-batch-atomic'] === 'false';
  return {
    deny: () => inject(answer(401, 'The input authorization token cannot serve the request.')),
    throttle: (requests) =>
      inject(
        answer(429, 'Request rate is large.', { 'x-ms-substatus': '3200', 'x-ms-retry-after-ms': '20' }),
        requests,
      ),
    throttleDocuments: (indices) => proxy.inject({ fault: throttledOperations(indices), when: isBulk, times: 1 }),
    refuseBulk: (text) =>
      proxy.inject({
        fault: answer(400, 'One of the operations is not valid.'),
        when: (call) => isBulk(call) && call.body.includes(text),
      }),
    loseAnswers: (requests) => inject({ kind: 'cut-after' }, requests),
    loseRequests: (requests) => inject({ kind: 'cut-before' }, requests),
    disconnect: () => proxy.goDown(),
    heal: () => proxy.heal(),
  };
}

function answer(status: number, message: string, headers: Record<string, string> = {}): Fault {
  const response: ProxiedResponse = {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ code: String(status), message }),
  };
  return { kind: 'answer', response };
}

/** Some operations of a bulk request are not carried out, and answer that they were throttled. */
function throttledOperations(indices: readonly number[]): Fault {
  const isThrottled = (_: unknown, index: number) => indices.includes(index);
  return {
    kind: 'transform',
    request: ({ body }) => {
      const operations = JSON.parse(body) as unknown[];
      return JSON.stringify(operations.filter((operation, index) => !isThrottled(operation, index)));
    },
    response: (response, { body }) => {
      const done = [...(JSON.parse(response.body) as unknown[])];
      const operations = JSON.parse(body) as unknown[];
      const answers = operations.map((operation, index) =>
        isThrottled(operation, index)
          ? { statusCode: 429, subStatusCode: 3200, requestCharge: 0, retryAfterMilliseconds: 20 }
          : done.shift(),
      );
      return { ...response, status: 207, body: JSON.stringify(answers) };
    },
  };
}
