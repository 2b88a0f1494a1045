// A KV namespace as the runtime asks for one, whose records are made on the spot: a million tenants need no memory.
export default {
  /** @param {Request} request @param {{ ORIGIN: string, CELLS: string }} env */
  fetch(request, env) {
    if (request.method !== 'GET') return new Response(null, { status: 204 });
    const [, kind, number] =
      /^\/(tenant|cell)\/[tc](\d+)$/.exec(decodeURIComponent(new URL(request.url).pathname)) ?? [];
    if (kind === 'tenant')
      return Response.json({
        id: `t${number}`,
        cell: `c${Number(number) % Number(env.CELLS)}`,
        standby: null,
        epochBase: 1,
        residency: 'any',
        tier: 'standard',
        pinned: false,
        revision: 1,
      });
    if (kind === 'cell')
      return Response.json({
        id: `c${number}`,
        cloud: 'aws',
        region: 'bench',
        jurisdiction: 'eu',
        endpoint: env.ORIGIN,
        capacity: 1_000_000,
        price: 1,
        failover: 'never',
        state: 'active',
        switches: 0,
        revision: 1,
      });
    return new Response(null, { status: 404 });
  },
};
