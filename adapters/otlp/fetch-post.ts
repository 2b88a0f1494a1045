// Posts telemetry by the platform's `fetch`, where there is no other client.
import type { TelemetrySettings } from '../../core/cell/telemetry-settings.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Post } from './otlp-telemetry.ts';

/** Returns the function. A collector that has not answered in time is hung up on. */
export function fetchPost(
  { endpoint, headers }: Pick<TelemetrySettings, 'endpoint' | 'headers'>,
  fetch: (url: string, init: RequestInit) => Promise<Response>,
  clock: Clock,
): Post {
  return async (path, body, timeoutMs) => {
    const controller = new AbortController();
    const send = async (): Promise<boolean> => {
      try {
        const init = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body };
        const response = await fetch(endpoint + path, { ...init, signal: controller.signal });
        await response.body?.cancel();
        return response.ok;
      } catch (error) {
        if (error instanceof Error) return false;
        throw error;
      }
    };
    try {
      return await Promise.race([send(), clock.sleep(timeoutMs).then(() => false)]);
    } finally {
      controller.abort();
    }
  };
}
