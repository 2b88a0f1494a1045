// What the `$management` operations have in common: what they are called with, and how they answer.
import { type Encodable, int } from '../amqp/encode.ts';
import type { Value } from '../amqp/values.ts';
import type { Namespace, Target } from '../broker/namespace.ts';
import type { Response } from './request-response.ts';

const NOTHING = 204;

/** What an operation works on. */
export interface Call {
  readonly namespace: Namespace;
  readonly address: string;
  readonly target: Target;
  readonly body: Value;
}

/** A successful answer; without a body it says that there is nothing to return. */
export function ok(body?: Encodable, status = 200): Response {
  const application: Response['application'] = [
    ['statusCode', int(status)],
    ['statusDescription', status === NOTHING ? 'NoContent' : 'OK'],
  ];
  return body === undefined ? { application } : { application, body };
}

/** The answer for an empty result. */
export const noContent = (): Response => ok(undefined, NOTHING);
