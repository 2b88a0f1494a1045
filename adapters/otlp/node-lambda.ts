// Exports telemetry after each answer of a Lambda function, as an internal extension: Lambda stops the process once all extensions are done.
import http from 'node:http';
import { describeError } from '../../core/ports/errors.ts';
import type { Log } from '../../core/ports/log.ts';

export interface AfterAnswerDeps {
  /** Host and port of the Runtime API. */
  readonly runtimeApi: string;
  /** Exports what waits; it limits its own time. */
  readonly flush: () => Promise<void>;
  readonly log: Log;
}

/** An internal extension may register for INVOKE alone: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html */
const REGISTRATION = '{"events":["INVOKE"]}';

const IDENTIFIER = 'lambda-extension-identifier';

/**
 * Wraps the handler, and registers the extension. The caller has its answer before anything is exported, and the process goes on until that is
 * over. Where the extension cannot register, telemetry is exported beside whatever comes next.
 */
export function afterAnswer<E, R>(
  { runtimeApi, flush, log }: AfterAnswerDeps,
  handler: (event: E) => Promise<R>,
): (event: E) => Promise<R> {
  let answers = 0;
  let isExtension = true;
  let onAnswer: () => void = () => undefined;

  const ask = (method: string, path: string, headers: http.OutgoingHttpHeaders, body?: string) =>
    new Promise<http.IncomingMessage>((resolve, reject) => {
      const options = { method, headers: { ...headers, ...(body && { 'content-length': body.length }) } };
      const request = http.request(`http://${runtimeApi}/2020-01-01/extension/${path}`, options, (response) => {
        response.resume();
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve(response);
          else reject(new Error(`The Extensions API answers ${response.statusCode}.`));
        });
      });
      request.once('error', reject);
      request.end(body);
    });

  const extend = async (): Promise<void> => {
    const name = { 'lambda-extension-name': 'polycell-telemetry', 'content-type': 'application/json' };
    const { headers } = await ask('POST', 'register', name, REGISTRATION);
    for (let invocations = 1; ; invocations += 1) {
      await ask('GET', 'event/next', { [IDENTIFIER]: String(headers[IDENTIFIER]) });
      // The handler may be over before the extension has heard of its invocation.
      while (answers < invocations)
        await new Promise<void>((resolve) => {
          onAnswer = resolve;
        });
      await flush();
    }
  };

  extend().catch((error: unknown) => {
    isExtension = false;
    log.warn(
      'telemetry is exported beside later requests: the extension that does so after each is off',
      describeError(error),
    );
  });

  return async (event) => {
    try {
      return await handler(event);
    } finally {
      answers += 1;
      onAnswer();
      if (!isExtension) void flush();
    }
  };
}
