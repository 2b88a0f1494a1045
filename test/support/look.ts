// A request that changes nothing, as a client sends it that keeps connections.

/**
 * Sends it again where the connection that was kept for it had been closed meanwhile, as RFC 9110, 9.2.2 lets clients do: on a busy machine a
 * test's next request may come later than a server keeps its connections.
 */
export const look = (url: string, init?: RequestInit): Promise<Response> =>
  fetch(url, init).catch((error: Error & { cause?: { code?: unknown } }) => {
    if (error.cause?.code !== 'UND_ERR_SOCKET') throw error;
    return fetch(url, init);
  });
