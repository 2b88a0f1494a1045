// Ready-made faults in the words of DynamoDB, SNS and SQS.
import type { Fault, ProxiedResponse } from './fault-proxy.ts';

/** An error of a JSON service (DynamoDB, SQS), for instance `ThrottlingException`. */
export function jsonError(code: string, message = 'injected', status = 400, more: object = {}): Fault {
  return {
    kind: 'answer',
    response: {
      status,
      headers: { 'content-type': 'application/x-amz-json-1.0' },
      body: JSON.stringify({ __type: `com.amazonaws.local#${code}`, message, ...more }),
    },
  };
}

/** An error of SNS, whose protocol is XML. */
export function snsError(code: string, message = 'injected', status = 400): Fault {
  const type = status < 500 ? 'Sender' : 'Receiver';
  const error = `<Error><Type>${type}</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  const body = `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${error}<RequestId>injected</RequestId></ErrorResponse>`;
  return { kind: 'answer', response: { status, headers: { 'content-type': 'text/xml' }, body } };
}

/** Changes a JSON answer. */
export function jsonResponse(change: (document: Record<string, unknown>) => Record<string, unknown>): Fault {
  return {
    kind: 'transform',
    response: (response: ProxiedResponse) => ({
      ...response,
      body: JSON.stringify(change(JSON.parse(response.body) as Record<string, unknown>)),
    }),
  };
}

/** Statements of a BatchExecuteStatement, by index, that answer with an error. The emulator has carried them out. */
export function statementErrors(indices: readonly number[], code: string, message = 'injected'): Fault {
  return jsonResponse((document) => ({
    ...document,
    Responses: (document.Responses as object[]).map((answer, index) =>
      indices.includes(index) ? { Error: { Code: code, Message: message } } : answer,
    ),
  }));
}

/**
 * Adds to a JSON answer. The emulator refuses a batch that a fault has left empty; the service would have answered that all
 * of it failed, so the refusal becomes that answer.
 */
function withDocument(response: ProxiedResponse, more: object): ProxiedResponse {
  const document = response.status === 200 ? (JSON.parse(response.body) as object) : {};
  return { ...response, status: 200, body: JSON.stringify({ ...document, ...more }) };
}

/** The last `count` requests per table of a BatchWriteItem are not carried out and come back as unprocessed. */
export function unprocessedItems(count: number): Fault {
  type Requests = Record<string, unknown[]>;
  const requests = (body: string): Requests => (JSON.parse(body) as { RequestItems: Requests }).RequestItems;
  const part = (all: Requests, from: number, to?: number): Requests =>
    Object.fromEntries(
      Object.entries(all)
        .map(([table, list]) => [table, list.slice(from, to)] as const)
        .filter(([, list]) => list.length > 0),
    );
  return {
    kind: 'transform',
    request: ({ body }) =>
      JSON.stringify({ ...(JSON.parse(body) as object), RequestItems: part(requests(body), 0, -count) }),
    response: (response, { body }) => withDocument(response, { UnprocessedItems: part(requests(body), -count) }),
  };
}

const NOTHING_PUBLISHED =
  '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Successful></Successful>' +
  '<Failed></Failed></PublishBatchResult><ResponseMetadata><RequestId>injected</RequestId></ResponseMetadata></PublishBatchResponse>';

/** Entries of a PublishBatch, by id, that SNS does not publish and answers as failed. */
export function failedPublishEntries(ids: readonly string[], code = 'InternalError', senderFault = false): Fault {
  return {
    kind: 'transform',
    request: ({ body }) => withoutEntries(body, ids),
    response: (response) => {
      const failed = ids.map(
        (id) =>
          `<member><Id>${id}</Id><Code>${code}</Code><Message>injected</Message><SenderFault>${senderFault}</SenderFault></member>`,
      );
      const whole = response.status === 200 ? response : { ...response, status: 200, body: NOTHING_PUBLISHED };
      return { ...whole, body: whole.body.replace('<Failed>', `<Failed>${failed.join('')}`) };
    },
  };
}

function withoutEntries(body: string, ids: readonly string[]): string {
  const form = new URLSearchParams(body);
  const prefix = 'PublishBatchRequestEntries.member.';
  for (const [key, value] of [...form]) {
    const [, index] = /^PublishBatchRequestEntries\.member\.(\d+)\.Id$/.exec(key) ?? [];
    if (index === undefined || !ids.includes(value)) continue;
    for (const other of [...form.keys()]) if (other.startsWith(`${prefix}${index}.`)) form.delete(other);
  }
  return form.toString();
}

/** Entries of a DeleteMessageBatch or SendMessageBatch, by index, that SQS does not carry out and answers as failed. */
export function failedQueueEntries(indices: readonly number[], code = 'InternalError'): Fault {
  type Entries = { Id: string }[];
  const entries = (body: string): Entries => (JSON.parse(body) as { Entries: Entries }).Entries;
  return {
    kind: 'transform',
    request: ({ body }) =>
      JSON.stringify({
        ...(JSON.parse(body) as object),
        Entries: entries(body).filter((_, index) => !indices.includes(index)),
      }),
    response: (response, { body }) => {
      const Failed = indices.flatMap((index) => {
        const Id = entries(body)[index]?.Id;
        return Id === undefined ? [] : [{ Id, Code: code, Message: 'injected', SenderFault: false }];
      });
      return withDocument(response, { Failed });
    },
  };
}
