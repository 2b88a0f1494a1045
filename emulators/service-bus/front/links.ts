// Decides what a client's link is connected to: an entity, a queue's messages, `$cbs` or `$management`.
import type { AttachRequest, LinkEnd, Sink } from '../amqp/connection.ts';
import { splitTransfer } from '../amqp/delivery.ts';
import { SESSION_FILTER } from '../amqp/describe-source.ts';
import type { Queue, Topic } from '../broker/entities.ts';
import type { Namespace } from '../broker/namespace.ts';
import type { MessageStore } from '../broker/store.ts';
import { asServiceBusError, CONDITION, entityDisabled, forwarding, ServiceBusError, unsupported } from '../errors.ts';
import type { Faults } from './faults.ts';
import { manage } from './management.ts';
import { Receiver, requestedSession } from './receiver.ts';
import { authorizationFailure, authorize, managementFailure, ReplySource, requestSink } from './request-response.ts';

const CBS = '$cbs';
const MANAGEMENT = /\/?\$management$/i;
/** How long the service looks for a free session if the client does not say. */
const NEXT_SESSION_TIMEOUT_MS = 60_000;
/** Requests are small; the limit only has to keep nonsense out. */
const MAX_REQUEST_SIZE = 1024 * 1024;

/** What links lead to. */
export interface Backend {
  readonly namespace: Namespace;
  readonly faults: Faults;
}

/** Connects a link, or throws the refusal. */
export function connectLink(backend: Backend, request: AttachRequest): LinkEnd | Promise<LinkEnd> {
  if (request.transactional) throw unsupported('A transaction coordinator link (transactions)');
  const { address } = request;
  if (address.toLowerCase() === CBS || MANAGEMENT.test(address)) return connectRequests(backend, request);
  const target = backend.namespace.resolve(address);
  if (!request.clientReceives) {
    if (target.kind === 'store')
      throw new ServiceBusError(
        CONDITION.notAllowed,
        `Messages cannot be sent to '${address}', only received from it.`,
      );
    const { entity } = target;
    return {
      kind: 'sender',
      sink: entitySink(backend, entity),
      maxMessageSize: backend.namespace.maxMessageSize(entity),
    };
  }
  if (target.kind === 'topic')
    throw new ServiceBusError(CONDITION.notAllowed, `Messages cannot be received from the topic '${address}'.`);
  const { receivable } = target.kind === 'store' ? target : (target.entity as Queue);
  const store = target.kind === 'store' ? target.store : receivable.store;
  if (receivable.forwards(store)) throw forwarding('receiver');
  return connectReceiver(store, request);
}

function connectRequests({ namespace, faults }: Backend, request: AttachRequest): LinkEnd {
  if (request.clientReceives) return { kind: 'receiver', source: new ReplySource() };
  const { address, connection } = request;
  if (address.toLowerCase() === CBS)
    return {
      kind: 'sender',
      sink: requestSink(connection, authorize, authorizationFailure),
      maxMessageSize: MAX_REQUEST_SIZE,
    };
  const base = address.replace(MANAGEMENT, '');
  namespace.resolve(base);
  const sink = requestSink(
    connection,
    async (incoming) => {
      const busy = faults.onRequest();
      if (busy !== undefined) throw busy;
      await new Promise<void>((resolve) => faults.delay(resolve));
      return manage(namespace, base, incoming);
    },
    managementFailure,
  );
  return { kind: 'sender', sink, maxMessageSize: MAX_REQUEST_SIZE };
}

function entitySink({ namespace, faults }: Backend, entity: Queue | Topic): Sink {
  return {
    receive(payload, format, settle) {
      faults.delay(() => {
        try {
          const refusal = faults.onSend(entity.name, payload);
          if (refusal !== undefined) throw refusal;
          namespace.send(entity, splitTransfer(payload, format));
          if (!faults.losesAnswer()) settle();
        } catch (error) {
          settle(asServiceBusError(error));
        }
      });
    },
  };
}

function connectReceiver(store: MessageStore, request: AttachRequest): LinkEnd | Promise<LinkEnd> {
  const { status } = store.owner.settings;
  if (status === 'Disabled' || status === 'ReceiveDisabled') throw entityDisabled(store.path);
  const wanted = requestedSession(request.filter, SESSION_FILTER);
  const receiver = new Receiver(store, request.settled);
  if (wanted === undefined) {
    if (store.sessions !== undefined)
      throw new ServiceBusError(
        CONDITION.notAllowed,
        'It is not possible for an entity that requires sessions to create a non-sessionful message receiver.',
      );
    return { kind: 'receiver', source: receiver };
  }
  if (store.sessions === undefined)
    throw new ServiceBusError(
      CONDITION.notAllowed,
      'A sessionful message receiver cannot be created on an entity that does not require sessions. Ensure RequiresSession is set to true when creating a Queue or Subscription to enable sessionful behavior.',
    );
  if (wanted === null) return nextSession(store, receiver, request);
  const held = store.acquireSession(wanted, receiver);
  receiver.session = held;
  return { kind: 'receiver', source: receiver, session: { id: held.id, lockedUntil: held.until } };
}

/** Waits for a free session with messages, as long as the client is willing to. */
function nextSession(store: MessageStore, receiver: Receiver, request: AttachRequest): Promise<LinkEnd> {
  return new Promise((resolve, reject) => {
    const give = (error: ServiceBusError): void => {
      withdraw();
      clearTimeout(timer);
      reject(error);
    };
    const timer = setTimeout(
      () =>
        give(
          new ServiceBusError(
            CONDITION.timeout,
            'The operation did not complete within the allotted timeout: there is no unlocked session with messages.',
          ),
        ),
      request.timeoutMs ?? NEXT_SESSION_TIMEOUT_MS,
    );
    let withdraw = (): void => undefined;
    withdraw = store.acquireNextSession(receiver, (held) => {
      clearTimeout(timer);
      receiver.session = held;
      resolve({ kind: 'receiver', source: receiver, session: { id: held.id, lockedUntil: held.until } });
    });
    request.signal.addEventListener('abort', () =>
      give(new ServiceBusError(CONDITION.timeout, 'The client closed the link before a session was free.')),
    );
  });
}
