// The least that a router can be: every request goes to the one origin.
export default {
  /** @param {Request} request @param {{ ORIGIN: string }} env */
  fetch(request, env) {
    const url = new URL(request.url);
    return fetch(new Request(env.ORIGIN + url.pathname + url.search, request));
  },
};
