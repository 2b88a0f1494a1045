// Asks for the health of an edge or a cell, as `polycell status` shows it.

/** What does not answer within this time is down, in milliseconds. */
const HEALTH_TIMEOUT_MS = 2000;

/** `ok`, `degraded`, or why there is no answer. Never rejects. */
export async function healthAt(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/v1/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    const { status } = (await response.json()) as { status?: string };
    return status ?? `answers ${response.status}`;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'no answer' : 'down';
  }
}
