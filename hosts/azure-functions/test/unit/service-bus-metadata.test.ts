// Service Bus messages as invocations: the shape of every piece of trigger metadata on the wire.
import { toBatchInvocation, toSingleInvocation } from '../../service-bus/metadata.ts';

const shape = {
  bindingName: 'trigger',
  functionName: 'f',
  binary: false,
  session: true,
  includeEmpty: false,
  now: Date.parse('2026-03-01T10:00:00Z'),
};
const full = {
  body: Buffer.from('{"n":1}'),
  messageId: 'm-1',
  contentType: 'application/json',
  replyTo: 'r',
  to: 't',
  subject: 's',
  correlationId: 5,
  sessionId: 'session',
  replyToSessionId: 'rs',
  partitionKey: 'session',
  deadLetterSource: 'q',
  lockToken: 'lock',
  applicationProperties: { Type: 'x', n: 1 },
  deliveryCount: 0,
  expiresAtUtc: new Date('2026-03-02T10:00:00.120Z'),
  enqueuedTimeUtc: new Date('2026-03-01T09:59:59Z'),
  sequenceNumber: { toNumber: () => 42 },
};
const bare = { body: '' };

it('maps one message: texts as they are, everything else as JSON', () => {
  const { inputData, triggerMetadata } = toSingleInvocation(full, shape);
  expect(inputData).toEqual([{ name: 'trigger', data: { string: '{"n":1}' } }]);
  expect(triggerMetadata).toEqual({
    MessageReceiver: { json: '{}' },
    MessageSession: { json: '{}' },
    MessageActions: { json: '{}' },
    SessionActions: { json: '{}' },
    ReceiveActions: { json: '{}' },
    Client: { json: '{}' },
    sys: { json: expect.stringContaining('"MethodName":"f","UtcNow":"2026-03-01T10:00:00.000Z"') },
    DeadLetterSource: { string: 'q' },
    LockToken: { string: 'lock' },
    MessageId: { string: 'm-1' },
    ContentType: { string: 'application/json' },
    ReplyTo: { string: 'r' },
    To: { string: 't' },
    Subject: { string: 's' },
    Label: { string: 's' },
    CorrelationId: { string: '5' },
    SessionId: { string: 'session' },
    ReplyToSessionId: { string: 'rs' },
    PartitionKey: { string: 'session' },
    TransactionPartitionKey: {},
    DeliveryCount: { json: '1' },
    ExpiresAtUtc: { json: '"2026-03-02T10:00:00.12Z"' },
    ExpiresAt: { json: '"2026-03-02T10:00:00.12+00:00"' },
    EnqueuedTimeUtc: { json: '"2026-03-01T09:59:59Z"' },
    EnqueuedTime: { json: '"2026-03-01T09:59:59+00:00"' },
    ApplicationProperties: { json: '{"Type":"x","n":1}' },
    UserProperties: { json: '{"Type":"x","n":1}' },
    SequenceNumber: { json: '42' },
  });
});

it('drops the empty entries of a batch, and moves the others up', () => {
  const { inputData, triggerMetadata } = toBatchInvocation([bare, full], { ...shape, session: false });
  expect(inputData).toEqual([{ name: 'trigger', data: { collectionString: { string: ['{"n":1}'] } } }]);
  expect(triggerMetadata).toMatchObject({
    MessageSession: {},
    SessionActions: {},
    MessageIdArray: { collectionString: { string: ['m-1'] } },
    LabelArray: { collectionString: { string: ['s'] } },
    TransactionPartitionKeyArray: { collectionString: { string: [] } },
    DeliveryCountArray: { json: '[1,1]' },
    SequenceNumberArray: { collectionSint64: { sint64: [0, 42] } },
    ApplicationPropertiesArray: { json: '[{},{"Type":"x","n":1}]' },
    ExpiresAtUtcArray: { json: '["9999-12-31T23:59:59.9999999Z","2026-03-02T10:00:00.12Z"]' },
  });
});

it('keeps empty entries for a worker that asks for them', () => {
  const { inputData, triggerMetadata } = toBatchInvocation([bare, full], { ...shape, includeEmpty: true });
  expect(inputData).toEqual([{ name: 'trigger', data: { collectionString: { string: ['', '{"n":1}'] } } }]);
  expect(triggerMetadata?.MessageIdArray).toEqual({ collectionString: { string: ['', 'm-1'] } });
});

it('hands over bytes for the data type binary', () => {
  const binary = { ...shape, binary: true };
  expect(toSingleInvocation(full, binary).inputData[0]?.data).toEqual({ bytes: Buffer.from('{"n":1}') });
  expect(toBatchInvocation([full, { body: { n: 2 } }], binary).inputData[0]?.data).toEqual({
    collectionBytes: { bytes: [Buffer.from('{"n":1}'), Buffer.from('{"n":2}')] },
  });
});
