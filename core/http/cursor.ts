// Cursors as clients see them: opaque, and bound to the query and tenant that they came from.
import { foreignCursor } from '../api/refusal.ts';
import { fingerprint } from '../events/cloud-event.ts';
import type { StoreCursor } from '../ports/store.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Longer cursors cannot be valid: a store's cursor is an id. */
const CURSOR_CHARACTERS = 4096;

/** Wraps a store's cursor. `query` is any value that identifies the query, including the tenant. */
export function sealCursor(query: unknown, cursor: string): string {
  const bytes = encoder.encode(fingerprint(JSON.stringify(query)) + cursor);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

/** Unwraps the store's cursor. Throws the problem `invalid_cursor` if it belongs to another query or is not a cursor. */
export function openCursor(query: unknown, sealed: string | undefined): StoreCursor | undefined {
  if (sealed === undefined) return undefined;
  const text = decode(sealed);
  const print = fingerprint(JSON.stringify(query));
  if (text === undefined || !text.startsWith(print) || text.length === print.length) throw foreignCursor();
  return text.slice(print.length) as StoreCursor;
}

function decode(sealed: string): string | undefined {
  if (sealed.length > CURSOR_CHARACTERS || !/^[\w-]+$/.test(sealed)) return undefined;
  try {
    return decoder.decode(
      Uint8Array.from(atob(sealed.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0)),
    );
  } catch (error) {
    if (error instanceof DOMException || error instanceof TypeError) return undefined;
    throw error;
  }
}
