// Simulates Workers static assets over a folder: types by the file's name, `index.html` for a folder, entity tags, and 404 for the rest.

/** https://developers.cloudflare.com/workers/static-assets/headers/ */
const TYPES = new Map([
  ['html', 'text/html; charset=utf-8'],
  ['css', 'text/css; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['json', 'application/json'],
  ['svg', 'image/svg+xml'],
]);

const notFound = () => new Response(null, { status: 404 });

export default {
  /** @param {Request} request @param {{ FILES: { fetch(url: string): Promise<Response> } }} env */
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    if (pathname.endsWith('/index.html'))
      return new Response(null, { status: 307, headers: { location: pathname.slice(0, -'index.html'.length) } });
    const type = TYPES.get(/\.([a-z]+)$/.exec(path)?.[1] ?? '');
    // A folder would be listed.
    if (type === undefined) return notFound();
    const found = await env.FILES.fetch(`http://files${path}`);
    if (found.status !== 200) return notFound();
    const bytes = await found.arrayBuffer();
    const digest = await crypto.subtle.digest('SHA-256', bytes);
    const etag = `"${[...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}"`;
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers: { etag } });
    return new Response(request.method === 'HEAD' ? null : bytes, { headers: { 'content-type': type, etag } });
  },
};
