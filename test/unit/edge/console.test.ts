// The console's files at the edge: their headers, and what is no file of it.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Refusal } from '../../../core/api/refusal.ts';
import { type ConsoleSettings, consoleFiles } from '../../../core/edge/console.ts';

const settings: ConsoleSettings = {
  clientId: 'console',
  authorizationUrl: 'https://login.example/authorize',
  tokenUrl: 'https://login.example/token?x=1',
  scope: 'openid',
};

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' https://login.example; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const asked: { readonly url: string; readonly headers: Readonly<Record<string, string>> }[] = [];
const files = {
  fetch: async (request: Request) => {
    asked.push({ url: request.url, headers: Object.fromEntries(request.headers) });
    if (request.headers.has('if-none-match')) return new Response(null, { status: 304 });
    return request.url.endsWith('/console/') ? new Response('page') : new Response(null, { status: 404 });
  },
};
const serve = consoleFiles({ settings, files });
const get = (path: string, init: RequestInit = {}) => serve(new Request(`https://edge.example${path}`, init), 'trace');

test('every answer confines the page: nothing but its own files, the edge, and the issuer', async () => {
  for (const path of ['/console', '/console/', '/console/config.json']) {
    const { headers } = await get(path);
    expect(headers.get('content-security-policy')).toBe(POLICY);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-cache');
  }
  expect(await (await get('/console/config.json')).json()).toEqual(settings);
  expect((await get('/console')).headers.get('location')).toBe('/console/');
});

test('files are asked for without credential and query, and a known one is answered 304', async () => {
  asked.length = 0;
  const headers = { authorization: 'Bearer secret', 'if-none-match': '"1"' };
  expect((await get('/console/?code=secret', { headers })).status).toBe(304);
  expect(asked).toEqual([{ url: 'https://edge.example/console/', headers: { 'if-none-match': '"1"' } }]);
});

test('what is no file, and what would change one, is refused', async () => {
  await expect(get('/console/other.js')).rejects.toMatchObject({ code: 'not_found' });
  await expect(get('/console/', { method: 'POST' })).rejects.toBeInstanceOf(Refusal);
});

const WEB = path.resolve(__dirname, '../../../web/console');
const names = readdirSync(WEB, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.join(entry.parentPath, entry.name));
const textOf = (file: string) => readFileSync(file, 'utf8');

test('the console has 40 KB at most, compressed file by file', () => {
  const bytes = names.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
  expect(names.length).toBeGreaterThan(10);
  expect(bytes).toBeLessThanOrEqual(40 * 1024);
});

test('no value can become HTML or code, no token is kept, and nothing is loaded from elsewhere', () => {
  const forbidden =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|document\.cookie/;
  expect(names.filter((file) => forbidden.test(textOf(file)))).toEqual([]);
  const addresses = names.flatMap((file) => [...textOf(file).matchAll(/https?:\/\/[^\s'"`)]+/g)].map(([url]) => url));
  // A namespace, which is never fetched.
  expect([...new Set(addresses)]).toEqual(['http://www.w3.org/2000/svg']);
});
