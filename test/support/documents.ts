// The code blocks of a document: files to write, commands to run, and what they print.

export interface Block {
  /** The first line of the block, for messages. */
  readonly line: number;
  readonly language: string;
  /** What follows the language: a file's path, or how the commands run. */
  readonly title: string;
  readonly text: string;
}

/** All fenced blocks of a Markdown text, in order. */
export function codeBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const [, language, title = ''] = /^```(\S+) ?(.*)$/.exec(lines[at] ?? '') ?? [];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at);
    if (end < 0) throw new Error(`The block in line ${at + 1} has no end.`);
    blocks.push({ line: at + 1, language, title, text: `${lines.slice(at + 1, end).join('\n')}\n` });
    at = end;
  }
  return blocks;
}
