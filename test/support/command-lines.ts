// The command lines of a document: what it shows in its blocks of shell commands, and between backquotes.

export interface CommandLine {
  /** Counted from 1. */
  readonly line: number;
  /** Program and arguments. */
  readonly words: readonly string[];
}

/** Programs whose command lines are looked for. */
const PROGRAM = /^(?:npx|npm)\b/;

/** Every command line of a document that starts with `npm` or `npx`. */
export function commandLines(document: string): CommandLine[] {
  const found: CommandLine[] = [];
  const note = (offset: number, text: string) => {
    const command = text.trim().replace(/^(?:[A-Z_]+=\S+\s+)+/, '');
    // `npx polycell <command>` stands for any command.
    if (PROGRAM.test(command) && !command.includes('<command>'))
      found.push({ line: document.slice(0, offset).split('\n').length, words: wordsOf(command) });
  };
  const prose = document.replace(
    /^ *```(\w*).*\n([\s\S]*?)^ *```$/gm,
    (block, language: string, body: string, at: number) => {
      // What follows a language's name, such as the path of a file, is no command.
      const start = at + block.indexOf('\n') + 1;
      if (language === 'sh' || language === '') {
        let offset = start;
        for (const line of body.replaceAll('\\\n', '  ').split('\n')) {
          note(offset, line);
          offset += line.length + 1;
        }
      }
      return block.replace(/[^\n]/g, ' ');
    },
  );
  for (const span of prose.matchAll(/`([^`]+)`/g)) note(span.index, (span[1] ?? '').replace(/\s+/g, ' '));
  return found;
}

/** Cuts a command into words as a shell does, up to a comment, a redirection or the next command. */
function wordsOf(command: string): string[] {
  const words: string[] = [];
  for (const [word] of command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
    if (/^(?:#|&&|\||;|[<>])/.test(word)) break;
    words.push(word.replace(/["']/g, ''));
  }
  return words;
}
