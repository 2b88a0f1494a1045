// The Functions HTTP trigger, to and from web-standard requests and responses.
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { Clock } from '../../core/ports/clock.ts';

/** The members of a web-standard request that the trigger's own request also has. */
export type TriggerRequest = Pick<Request, 'method' | 'url' | 'headers' | 'body'>;

export const BODY_LIMITS = {
  /**
   * A body that has not come within this is taken for broken off, in milliseconds. An invocation that waited for it until functionTimeout
   * would end the process, and with it all that the app does at the time.
   */
  withinMs: 30_000,
  /** What is left of a body whose request is answered has this long at most, in milliseconds: its sender needs no token to hold a place. */
  restWithinMs: 2000,
  /** One timer looks after all bodies, this often, in milliseconds: nearly all have come before it looks at them. */
  lookEveryMs: 1000,
  /**
   * Bytes of a refused body that are read and dropped. The host takes no more of a request (210,000,000 bytes,
   * https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#limits).
   */
  dropped: 210_000_000,
} as const;

type Body = NonNullable<TriggerRequest['body']>;

/** Wraps an API on web-standard requests for the trigger. Passes the request on uncopied: a copy costs a tenth of a call. */
export function functionsHttp(
  api: (request: TriggerRequest) => Promise<Response>,
  clock: Pick<Clock, 'sleep'>,
): (request: HttpRequest) => Promise<HttpResponseInit> {
  const inTime = bodiesInTime(clock);
  return async (request) => {
    // The types of Node.js's web streams and of the platform's differ only in name.
    const { method, url, headers, body: sent } = request as unknown as TriggerRequest;
    const incoming = sent && inTime(sent);
    const response = await api({ method, url, headers, body: incoming?.body ?? null });
    // The host keeps its connection to the app, and what is left unread would stand before its next request there. Before the answer, as
    // Node.js's server stops reading for good when the answer ends between two reads. Of a body that is late, nothing more is read: the
    // host closes a connection whose answer comes before the end of the request.
    if (incoming !== null && !incoming.body.locked) {
      incoming.hurry();
      await dropRest(incoming.body);
    }
    const body = new Uint8Array(await response.arrayBuffer());
    const { status } = response;
    return {
      status,
      headers: {
        ...Object.fromEntries(response.headers),
        // A streaming platform does not set the length itself; RFC 9110, 8.6 forbids it for these statuses.
        ...(status !== 204 && status !== 304 && { 'content-length': String(body.length) }),
      },
      ...(body.length > 0 && { body }),
    };
  };
}

interface Incoming {
  readonly body: Body;
  /** Leaves it only the time of a rest. */
  readonly hurry: () => void;
}

/** How often a body is looked at within a time. */
const looksWithin = (milliseconds: number): number => milliseconds / BODY_LIMITS.lookEveryMs;

/** Gives bodies a limit of time, from now to their end; one that exceeds it breaks off for its reader. */
function bodiesInTime(clock: Pick<Clock, 'sleep'>): (body: Body) => Incoming {
  /** What ends each body that has not come to its end, and how often it will be looked at before. */
  const coming = new Map<() => void, number>();
  let isLooking = false;
  const look = async (): Promise<void> => {
    for (isLooking = true; coming.size > 0; ) {
      await clock.sleep(BODY_LIMITS.lookEveryMs);
      for (const [end, looks] of coming) {
        if (looks > 0) coming.set(end, looks - 1);
        else end();
      }
    }
    isLooking = false;
  };
  return (body) => {
    const reader = body.getReader();
    let end: () => void = () => undefined;
    const late = new Promise<never>((_, reject) => {
      end = () => {
        coming.delete(end);
        reject(new RangeError(`The body has not come within ${BODY_LIMITS.withinMs} ms.`));
      };
    });
    // Its reader may have ended before.
    late.catch(() => undefined);
    coming.set(end, looksWithin(BODY_LIMITS.withinMs));
    if (!isLooking) void look();
    const hurry = () => {
      const looks = coming.get(end);
      if (looks !== undefined) coming.set(end, Math.min(looks, looksWithin(BODY_LIMITS.restWithinMs)));
    };
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          try {
            const { done, value } = await Promise.race([reader.read(), late]);
            if (!done) return void controller.enqueue(value);
            controller.close();
          } catch (error) {
            controller.error(error);
          }
          coming.delete(end);
        },
        cancel(reason) {
          coming.delete(end);
          return reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
    return { body: stream, hurry };
  };
}

async function dropRest(body: Body): Promise<void> {
  const reader = body.getReader();
  try {
    for (let dropped = 0; dropped <= BODY_LIMITS.dropped; ) {
      const { done, value } = await reader.read();
      if (done) return;
      dropped += value.length;
    }
    await reader.cancel();
  } catch {
    // The client went away, and the connection with it; or it is late.
  }
}
