// The faults of a bus, in the words of SNS and of a proxy before it.
import { failedPublishEntries, snsError } from '../../../emulators/faults/aws-faults.ts';
import type { FaultProxy } from '../../../emulators/faults/fault-proxy.ts';
import type { BusFaults } from '../bus/harness.ts';

const operation = 'PublishBatch';

export function snsFaults(proxy: FaultProxy): BusFaults {
  const limited = (times: number | undefined) => ({ operation, ...(times !== undefined && { times }) });
  return {
    deny: () => void proxy.inject({ operation, fault: snsError('AuthorizationError', 'Not authorized.', 403) }),
    throttle: (requests) =>
      void proxy.inject({ ...limited(requests), fault: snsError('Throttled', 'Rate exceeded', 429) }),
    refuse: (indices, how) =>
      void proxy.inject({
        ...limited(1),
        // The adapter numbers the entries of a request from zero.
        fault:
          how === 'for now'
            ? failedPublishEntries(indices.map(String), 'InternalError', false)
            : failedPublishEntries(indices.map(String), 'InvalidParameter', true),
      }),
    refuseRequestsWith: (id) =>
      void proxy.inject({
        operation,
        when: ({ body }) => [...new URLSearchParams(body).values()].some((value) => value.includes(`"id":"${id}"`)),
        fault: snsError('InvalidParameter', 'Invalid parameter: Message'),
      }),
    loseAnswers: (requests) => void proxy.inject({ ...limited(requests), fault: { kind: 'cut-after' } }),
    disconnect: () => proxy.goDown(),
    heal: () => proxy.heal(),
  };
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html: all else is refused. */
const REFUSED_CHARACTERS = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Refuses the characters that SQS refuses; the emulator takes any. */
export function refuseCharacters(proxy: FaultProxy): void {
  proxy.inject({
    operation,
    when: ({ body }) => [...new URLSearchParams(body).values()].some((value) => REFUSED_CHARACTERS.test(value)),
    fault: snsError('InvalidParameter', 'Invalid parameter: Message'),
  });
}
