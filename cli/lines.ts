// The lines of a file or of standard input, one at a time, however large the file or a line of it is.
import { createReadStream } from 'node:fs';

const NEWLINE = 0x0a;

/** The name of standard input, where a file is expected. */
export const STANDARD_INPUT = '-';

/** A line; without its text if it is longer than the maximum. */
export interface Line {
  readonly number: number;
  readonly text: string | undefined;
  readonly bytes: number;
}

/**
 * Reads lines that end in a newline, perhaps behind a carriage return: as JSON Lines has it, and not as `node:readline`, which
 * takes other characters for line ends as well, keeps a line in memory whatever its size, and crashes the process when the
 * file cannot be read. Rejects with the file system's error.
 */
export async function* linesOf(file: string, maximumBytes: number): AsyncGenerator<Line> {
  let number = 1;
  let bytes = 0;
  let parts: Buffer[] = [];
  const take = (part: Buffer) => {
    bytes += part.length;
    if (bytes <= maximumBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): Line => {
    const text = bytes > maximumBytes ? undefined : Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
    const line = { number, text, bytes };
    number += 1;
    bytes = 0;
    parts = [];
    return line;
  };
  const source = file === STANDARD_INPUT ? process.stdin : createReadStream(file);
  for await (const chunk of source as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, end));
      yield finish();
      from = end + 1;
    }
    take(chunk.subarray(from));
  }
  if (bytes > 0) yield finish();
}
