// Request/response over a pair of links, as `$cbs` and `$management` use it.
import type { Connection, Sink, Source } from '../amqp/connection.ts';
import { described, type Encodable, encode, int, list, map, symbol, ulong, uuid } from '../amqp/encode.ts';
import { type MessageContent, PROPERTY, parseMessage } from '../amqp/message.ts';
import type { OutgoingLink } from '../amqp/outgoing-link.ts';
import { Described, Reader, Uuid, type Value } from '../amqp/values.ts';
import { asServiceBusError, CONDITION, ServiceBusError as Refusal, type ServiceBusError } from '../errors.ts';

const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const AMQP_VALUE = 0x77;

/** A request as a handler sees it. */
export interface Request {
  readonly content: MessageContent;
  readonly application: ReadonlyMap<string, Value>;
  readonly body: Value;
}

/** An answer, in the terms that the client's library expects. */
export interface Response {
  readonly application: readonly (readonly [string, Encodable])[];
  readonly body?: Encodable;
}

/** The sending half of a reply link: it holds answers back until there is credit for them. */
export class ReplySource implements Source {
  private link: OutgoingLink | undefined;
  private readonly waiting: Buffer[] = [];
  private sent = 0;

  opened(link: OutgoingLink): void {
    this.link = link;
  }

  demand(): void {
    while (this.waiting.length > 0 && this.link?.ready === true) {
      const tag = Buffer.alloc(4);
      tag.writeUInt32BE(++this.sent);
      this.link.send(this.waiting.shift() ?? Buffer.alloc(0), tag, true);
    }
  }

  answer(payload: Buffer): void {
    this.waiting.push(payload);
    this.demand();
  }

  settle(): undefined {
    return undefined;
  }

  closed(): void {
    this.waiting.length = 0;
  }
}

/** The receiving half: every message is a request. */
export function requestSink(
  connection: Connection,
  handle: (request: Request) => Response | Promise<Response>,
  failure: (error: ServiceBusError) => Response,
): Sink {
  const reply = (content: MessageContent, response: Response): void => {
    const to = content.properties[PROPERTY.replyTo];
    // The SDK's `$cbs` link names no target address, so its replies are found by the link's name.
    for (const link of connection.links())
      if (link.direction === 'outgoing' && link.source instanceof ReplySource)
        if (link.replyAddress === to || link.name === to) {
          link.source.answer(encodeResponse(content, response));
          return;
        }
  };
  const serve = async (payload: Buffer): Promise<void> => {
    const content = parseMessage(payload);
    try {
      const request: Request = { content, application: content.applicationProperties, body: readBody(content) };
      reply(content, await handle(request));
    } catch (error) {
      reply(content, failure(asServiceBusError(error).seenAt(connection.hostname)));
    }
  };
  return {
    receive(payload, _format, settle) {
      serve(payload).then(
        () => settle(),
        (error) => settle(asServiceBusError(error)),
      );
    },
  };
}

/** The response of a `$management` operation that failed. */
export function managementFailure(error: ServiceBusError): Response {
  return {
    application: [
      ['statusCode', int(error.status)],
      ['statusDescription', error.message],
      ['errorCondition', symbol(error.condition)],
    ],
  };
}

/** Answers a client's `put-token`: any token will do. */
export function authorize(request: Request): Response {
  const operation = request.application.get('operation');
  if (operation !== 'put-token')
    throw new Refusal(CONDITION.notImplemented, `the $cbs operation '${String(operation)}'`);
  return {
    application: [
      ['status-code', int(202)],
      ['status-description', 'Accepted'],
    ],
  };
}

/** The response of a `$cbs` operation that failed. */
export function authorizationFailure(error: ServiceBusError): Response {
  return {
    application: [
      ['status-code', int(error.status)],
      ['status-description', error.message],
    ],
  };
}

function readBody(content: MessageContent): Value {
  if (content.body.length === 0) return null;
  const body = new Reader(content.body).read();
  return body instanceof Described ? body.value : body;
}

function encodeResponse(request: MessageContent, response: Response): Buffer {
  const properties: Encodable[] = Array.from({ length: PROPERTY.correlationId }, () => null);
  properties.push(encodableId(request.properties[PROPERTY.messageId]));
  return Buffer.concat([
    encode(described(PROPERTIES, list(properties))),
    encode(described(APPLICATION_PROPERTIES, map(response.application))),
    encode(described(AMQP_VALUE, response.body ?? map([]))),
  ]);
}

function encodableId(id: Value | undefined): Encodable {
  if (typeof id === 'string' || Buffer.isBuffer(id)) return id;
  if (typeof id === 'number' || typeof id === 'bigint') return ulong(id);
  return id instanceof Uuid ? uuid(id) : null;
}
