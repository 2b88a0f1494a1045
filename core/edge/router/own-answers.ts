// Answers that the edge gives itself, in the form that cells use.
import { type Refusal, refusalResponse } from '../../api/refusal.ts';
import { CELL_HEADER } from '../../http/headers.ts';

/** How a client is to authenticate (https://www.rfc-editor.org/rfc/rfc6750#section-3). */
const CHALLENGE = 'Bearer realm="polycell"';

/** The name that the edge's own answers carry in place of a cell's id. */
export const EDGE = 'edge';

/** Milliseconds since what the overview shows was last confirmed. */
export const AGE_HEADER = 'x-polycell-age-ms';

/** Headers that every answer of the edge itself carries. */
export const ownHeaders = (traceparent: string, contentType: string): Readonly<Record<string, string>> => ({
  'content-type': contentType,
  'cache-control': 'no-store',
  traceparent,
  [CELL_HEADER]: EDGE,
});

/** The response for a refusal at the edge. */
export function ownRefusal(traceparent: string, refusal: Refusal): Response {
  const response = refusalResponse(refusal);
  const headers = Object.entries(ownHeaders(traceparent, 'application/problem+json'));
  for (const [name, value] of headers) response.headers.set(name, value);
  if (response.status === 401)
    response.headers.set(
      'www-authenticate',
      refusal.code === 'invalid_credential' ? `${CHALLENGE}, error="invalid_token"` : CHALLENGE,
    );
  return response;
}
