// A page in a real browser uses the API from another origin: the browser is the judge of the answers to its preflight requests.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { BROWSER, BROWSER_FLAGS, testsNotRun } from '../../support/browser.ts';
import { type RunningEdge, runningEdge, tokenNow } from './support.ts';

/** What the page finds out about each request: status, body and a header, or that the browser has kept the answer from it. */
type Seen = readonly (readonly [status: number, body: string, cell: string | null] | 'kept from the page')[];

/** A page that makes the requests one by one, and sends what it sees to where it came from. */
const page = (requests: readonly (readonly [string, RequestInit])[]): string => `<!doctype html><script type="module">
const seen = [];
for (const [url, init] of ${JSON.stringify(requests)}) {
  try {
    const response = await fetch(url, init);
    seen.push([response.status, await response.text(), response.headers.get('x-polycell-cell')]);
  } catch { seen.push('kept from the page'); }
}
await fetch('/seen', { method: 'POST', body: JSON.stringify(seen) });
</script>`;

async function open(requests: readonly (readonly [string, RequestInit])[], site: Site): Promise<Seen> {
  site.html = page(requests);
  const profile = await mkdtemp(path.join(os.tmpdir(), 'browser-'));
  const browser: ChildProcess = spawn(
    BROWSER ?? '',
    [...BROWSER_FLAGS, `--user-data-dir=${profile}`, `${site.origin}/`],
    {
      stdio: 'ignore',
    },
  );
  try {
    return await site.seen();
  } finally {
    const ended = once(browser, 'exit');
    browser.kill('SIGKILL');
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

interface Site {
  readonly origin: string;
  html: string;
  seen(): Promise<Seen>;
  close(): void;
}

async function openSite(): Promise<Site> {
  let tell: (seen: Seen) => void = () => undefined;
  const site = { html: '', origin: '', seen: () => new Promise<Seen>((resolve) => (tell = resolve)) };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/seen') tell(JSON.parse(Buffer.concat(chunks).toString()) as Seen);
      response.setHeader('content-type', 'text/html');
      response.end(request.url === '/' ? site.html : '');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  site.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(site, {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

const withSites = async (work: (allowed: Site, other: Site, edge: RunningEdge) => Promise<void>): Promise<void> => {
  const [allowed, other] = [await openSite(), await openSite()];
  const edge = await runningEdge({ variables: { APP_CROSS_ORIGIN: JSON.stringify({ browsers: [allowed.origin] }) } });
  try {
    await work(allowed, other, edge);
  } finally {
    await edge.stop();
    for (const site of [allowed, other]) site.close();
  }
};

if (BROWSER === undefined) {
  testsNotRun();
} else {
  test('a page that the deployment lists can send and read; any other page gets no answer', () =>
    withSites(async (allowed, other, { host: { url } }) => {
      const authorization = `Bearer ${tokenNow()}`;
      const requests: [string, RequestInit][] = [
        [`${url}/v1/devices`, { headers: { authorization } }],
        [
          `${url}/v1/events`,
          {
            method: 'POST',
            headers: { authorization, 'content-type': 'application/json', 'ce-id': '1' },
            body: '{}',
          },
        ],
        [`${url}/v1/parked/x`, { method: 'DELETE', headers: { authorization } }],
        [`${url}/v1/devices`, {}],
        [`${url}/v1/devices`, { headers: { authorization, 'x-not-listed': '1' } }],
      ];
      const seen = await open(requests, allowed);
      expect(seen.slice(0, 3)).toEqual([
        [200, 'a', 'a'],
        [200, 'a', 'a'],
        [200, 'a', 'a'],
      ]);
      expect(seen[3]).toEqual([401, expect.stringContaining('missing_credential'), 'edge']);
      expect(seen[4]).toBe('kept from the page');
      expect(await open(requests, other)).toEqual(requests.map(() => 'kept from the page'));
    }));
}
