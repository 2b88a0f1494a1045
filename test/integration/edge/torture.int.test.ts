// The HTTP torture list through the edge: whatever the tenant's cell answers when it is asked directly, the edge hands on.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { RequestBody } from '../../../containers/request-body.ts';
import type { RequestStep } from '../../parity/recording.ts';
import { tortureSteps } from '../../parity/torture.ts';
import { send, type WireAnswer } from '../../parity/wire.ts';
import { testCell } from '../../support/cell.ts';
import { mint } from '../../support/route-tokens.ts';
import { type RunningEdge, runningEdge, tokenNow } from './support.ts';

/** What the edge itself refuses, because no cell would take it, in its own words. */
const OF_THE_EDGE = /more than 1 MiB/;

/** The API of a cell in memory, as an HTTP server. Its own keys and clock stand still; the edge's route token is taken for one of those. */
function cellOf(handle: (request: Request) => Promise<Response>) {
  return (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method = 'GET', url = '/', headersDistinct: sent } = incoming;
    const headers = new Headers();
    for (const [name, value] of Object.entries(sent)) headers.set(name, (value ?? []).join(', '));
    if (headers.has('x-polycell-route'))
      headers.set('x-polycell-route', mint({ claims: { scp: ['ingest', 'read', 'operate'] } }));
    const isBodiless = method === 'GET' || method === 'HEAD';
    const sentBody = new RequestBody(incoming);
    const body = isBodiless ? null : sentBody.stream;
    const init = { method, headers, ...(body !== null && { body, duplex: 'half' }) };
    handle(new Request(`http://cell${url}`, init as RequestInit)).then(
      async (response) => {
        const text = Buffer.from(await response.arrayBuffer());
        outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), 'content-length': text.length });
        outgoing.end(text);
        sentBody.discard();
      },
      (error: unknown) => outgoing.destroy(error as Error),
    );
  };
}

let edge: RunningEdge;
beforeAll(async () => {
  edge = await runningEdge();
});
afterAll(() => edge?.stop());

const seen = ({ status, body }: WireAnswer) => [status, body];
const asked = (step: RequestStep, url: string, headers: Readonly<Record<string, string>>) =>
  send(url, { ...step, headers: { ...headers, ...step.headers } });

test('each request of the list is answered as the cell answers it', async () => {
  const steps = tortureSteps().filter((step): step is RequestStep => step.kind === 'request');
  const authorization = `Bearer ${tokenNow({ scope: 'ingest read operate' })}`;
  const through: unknown[] = [];
  const directly: unknown[] = [];
  // Two cells that have seen the same: one behind the edge, one asked directly.
  const [behind, alone] = [testCell(), testCell()];
  for (const step of steps) {
    edge.a.behave = cellOf(behind.handle);
    const answer = await asked(step, edge.host.url, { authorization });
    edge.a.behave = cellOf(alone.handle);
    const expected = await asked(step, edge.a.url, { 'x-polycell-route': 'x' });
    if (OF_THE_EDGE.test(step.name)) {
      expect([step.name, answer.status]).toEqual([step.name, expected.status]);
      continue;
    }
    through.push([step.name, ...seen(answer)]);
    directly.push([step.name, ...seen(expected)]);
  }
  expect(through).toEqual(directly);
  expect(through.length).toBeGreaterThan(150);
});
