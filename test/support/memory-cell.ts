// A cell in memory behind a real socket.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { noTelemetry } from '../../adapters/otlp/no-telemetry.ts';
import { randomIds, systemClock } from '../../adapters/system/system.ts';
import type { Application } from '../../core/domain/application.ts';
import { applicationApi } from '../../core/http/application-api.ts';
import { openApiDocument } from '../../core/http/openapi.ts';
import { parking } from '../../core/pipeline/parking.ts';
import type { PublicKey } from '../../core/ports/keys.ts';
import { checkedStore } from '../../core/store/checked-store.ts';
import { METERS } from './meters.ts';
import { RecordingLog } from './recording-log.ts';
import { CELL_KEY, EDGE_KEY, publicPart } from './route-tokens.ts';

/** Starts a cell of this application, reachable by the edge's tokens alone. */
export async function startMemoryCell(id: string, application: Application = METERS) {
  const clock = systemClock;
  const [events, state] = [checkedStore(new MemoryStore({ clock })), checkedStore(new MemoryStore({ clock }))];
  let handle: ReturnType<typeof applicationApi> | undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const answer = await handle?.({
      method: request.method ?? 'GET',
      url: `${url}${request.url ?? '/'}`,
      headers: joined(request.headersDistinct),
      body: chunks.length === 0 ? null : new Blob(chunks).stream(),
    });
    if (answer === undefined) response.writeHead(503).end();
    else response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  const url = await listening(server);
  /** Deploys it with these keys of the edge. */
  const deploy = (routeKeys: readonly PublicKey[]): void => {
    handle = applicationApi({
      application,
      document: openApiDocument(application),
      cell: { id, cloud: 'memory', region: 'here', version: '1.2.3' },
      routeKeys,
      audience: { endpoints: [url], required: true },
      identityKey: CELL_KEY,
      fetch: () => Promise.reject(new TypeError('It asks no other cell.')),
      events,
      state,
      clock,
      ids: randomIds,
      log: new RecordingLog(),
      telemetry: noTelemetry(randomIds),
    });
  };
  deploy([publicPart(EDGE_KEY)]);
  return { id, url, server, deploy, parking: parking({ state, clock }) };
}

/** As both clouds hand them to a function: what is repeated is one header. */
function joined(sent: NodeJS.Dict<string[]>): Headers {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(sent)) headers.set(name, values.join(', '));
  return headers;
}

export async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function ended(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
