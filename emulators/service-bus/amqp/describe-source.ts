// Rewrites the source of a session receiver so that its filter names the session that was granted.
import { described, list, map, raw, symbol, type Writer } from './encode.ts';
import { Reader } from './values.ts';

export const SESSION_FILTER = 'com.microsoft:session-filter';
const SOURCE = 0x28;
const FILTER_FIELD = 7;

/** The client's source with the session filter set to `session`. */
export function describeSource(bytes: Buffer | undefined, session: string): (writer: Writer) => void {
  const filter = map([[symbol(SESSION_FILTER), session]]);
  const fields: ((writer: Writer) => void)[] = [];
  if (bytes !== undefined) {
    const reader = new Reader(bytes, 1);
    reader.skip();
    const { count } = reader.openList();
    for (let index = 0; index < count; index++) fields.push(raw(reader.readWithBytes().bytes));
  }
  while (fields.length <= FILTER_FIELD) fields.push((writer) => writer.byte(0x40));
  fields[FILTER_FIELD] = filter;
  return described(SOURCE, list(fields));
}
