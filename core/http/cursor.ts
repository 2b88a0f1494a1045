// Cursors as clients see them: opaque, and good for the query and tenant they came from only.
import { fingerprint } from '../events/cloud-event.ts';
import type { StoreCursor } from '../ports/store.ts';
import { Problem } from './problem.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Longer ones are nobody's: a store's cursor is an id. */
const CURSOR_CHARACTERS = 4096;

/** Wraps a store's cursor. `query` is anything that tells queries apart, the tenant included. */
export function sealCursor(query: unknown, cursor: string): string {
  const bytes = encoder.encode(fingerprint(JSON.stringify(query)) + cursor);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

/** The store's cursor in a client's one. Throws the problem `invalid_cursor` if it is another query's or no cursor at all. */
export function openCursor(query: unknown, sealed: string | undefined): StoreCursor | undefined {
  if (sealed === undefined) return undefined;
  const text = decode(sealed);
  const print = fingerprint(JSON.stringify(query));
  if (text === undefined || !text.startsWith(print) || text.length === print.length) {
    throw new Problem(
      'invalid_cursor',
      'Take the cursor from the field next of the page before, and leave the other parameters as they were.',
    );
  }
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
