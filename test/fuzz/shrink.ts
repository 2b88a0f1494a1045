// Makes a failing input smaller for as long as it fails in the same way.
import type { RequestStep } from '../parity/recording.ts';

/** Inputs that are tried. */
const TRIES = 80;

/** Smaller versions of a request, the most daring first. */
function* smaller(step: RequestStep): Generator<RequestStep> {
  for (const name of Object.keys(step.headers)) {
    const { [name]: _, ...headers } = step.headers;
    yield { ...step, headers };
  }
  if (step.chunked) yield { ...step, chunked: false };
  const [path = '', query] = step.path.split(/\?(.*)/s);
  if (query !== undefined) {
    const parts = query.split('&');
    for (const index of parts.keys()) {
      const left = parts.filter((_, at) => at !== index).join('&');
      yield { ...step, path: left === '' ? path : `${path}?${left}` };
    }
  }
  if (step.body.length === 0) return;
  yield { ...step, body: '' };
  if (typeof step.body !== 'string') return;
  const parsed = parse(step.body);
  if (Array.isArray(parsed))
    for (const index of parsed.keys()) yield { ...step, body: JSON.stringify(parsed.filter((_, at) => at !== index)) };
  else if (typeof parsed === 'object' && parsed !== null)
    for (const name of Object.keys(parsed)) {
      const { [name]: _, ...left } = parsed as Record<string, unknown>;
      yield { ...step, body: JSON.stringify(left) };
    }
  const half = Math.floor(step.body.length / 2);
  yield { ...step, body: step.body.slice(0, half) };
  yield { ...step, body: step.body.slice(half) };
}

/** The smallest input found that `fails` in the way of the first; failures of one way begin alike. */
export async function shrink(
  step: RequestStep,
  failure: string,
  attempt: (step: RequestStep) => Promise<string | undefined>,
): Promise<RequestStep> {
  const way = wayOf(failure);
  let smallest = step;
  let tried = 0;
  for (let found = true; found && tried < TRIES; ) {
    found = false;
    for (const candidate of smaller(smallest)) {
      tried += 1;
      if (tried > TRIES) break;
      const said = await attempt(candidate);
      if (said !== undefined && wayOf(said) === way) {
        smallest = candidate;
        found = true;
        break;
      }
    }
  }
  return smallest;
}

/** What a failure is, without what the answers say. */
export const wayOf = (failure: string): string => failure.split(':', 1)[0] ?? failure;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
