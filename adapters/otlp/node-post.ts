// Posts telemetry by Node.js's own HTTP client: the first use of its `fetch` costs 116 ms of CPU in a function.
import http from 'node:http';
import https from 'node:https';
import type { TelemetrySettings } from '../../core/cell/telemetry-settings.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Post } from './otlp-telemetry.ts';

/** Returns the function. Connections stay open for some seconds, as is usual for Node.js. A collector that has not answered in time is hung up on. */
export function nodePost({ endpoint, headers }: Pick<TelemetrySettings, 'endpoint' | 'headers'>, clock: Clock): Post {
  const client = endpoint.startsWith('https:') ? https : http;
  return (path, body, timeoutMs) =>
    new Promise((resolve) => {
      const lost = () => resolve(false);
      const options = {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
      };
      const request = client.request(endpoint + path, options, (response) => {
        response.resume();
        response.once('error', lost);
        response.once('end', () => resolve(Number(response.statusCode) < 300));
      });
      request.once('error', lost);
      request.end(body);
      void clock.sleep(timeoutMs).then(() => {
        request.destroy();
        lost();
      });
    });
}
