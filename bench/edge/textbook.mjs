// The textbook's router: believes a header, asks KV for each request, and sends it on.
export default {
  /** @param {Request} request @param {{ ORIGIN: string, ROUTES: { get(key: string, type: "json"): Promise<{ cell: string } | null> } }} env */
  async fetch(request, env) {
    const tenant = request.headers.get('x-tenant-id');
    if (tenant === null) return new Response('no tenant', { status: 401 });
    const cell = await env.ROUTES.get(`tenant/${tenant}`, 'json');
    if (cell === null) return new Response('unknown tenant', { status: 404 });
    const url = new URL(request.url);
    return fetch(new Request(env.ORIGIN + url.pathname + url.search, request));
  },
};
