// Takes the SDK's own log out of a client.

/** The part of a client that this needs. */
interface Client {
  readonly middlewareStack: { remove(name: string): boolean };
}

/**
 * The client, without the step that copies each request and answer for the SDK's log, member by member, also where nothing is logged: a third of what a page of small
 * items costs. Errors reach the caller as before (https://github.com/aws/aws-sdk-js-v3, `loggerMiddleware`).
 */
export function withoutLog<SomeClient extends Client>(client: SomeClient): SomeClient {
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}
