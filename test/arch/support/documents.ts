// What documents promise about themselves: links that lead somewhere, and decisions in one form.
import path from 'node:path';
import type { Violation } from './sources.ts';

export interface Document {
  readonly file: string;
  readonly text: string;
}

/** The parts of a decision, in order. */
const SECTIONS = ['Context', 'Decision', 'Alternatives', 'Consequences', 'Enforced by'] as const;

/** Texts between backquotes that are paths of the project. */
const PROJECT_PATH = /^(?:core|adapters|functions-\w+|infra|local|cli|build|test|docs|bench)\/[\w./-]*$/;

/** Every link to a file, and every path in backquotes, that is not there. `exists` takes paths from the root. */
export function deadReferences(documents: readonly Document[], exists: (file: string) => boolean): Violation[] {
  return documents.flatMap(({ file, text }) =>
    text.split('\n').flatMap((line, index) => {
      const links = [...line.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].flatMap(([, target = '']) =>
        /^[a-z]+:/.test(target) ? [] : [path.posix.join(path.posix.dirname(file), target)],
      );
      const paths = [...line.matchAll(/`([^`]+)`/g)].flatMap(([, target = '']) =>
        PROJECT_PATH.test(target) ? [target] : [],
      );
      return [...links, ...paths]
        .filter((target) => !exists(target))
        .map((target) => ({ file, line: index + 1, message: `${target} is not there.` }));
    }),
  );
}

/** Every decision that lacks a part of the form, its good or its bad consequences, or its number. */
export function malformedDecisions(documents: readonly Document[]): Violation[] {
  return documents
    .filter(({ file }) => /\/adr\/\d/.test(file))
    .flatMap(({ file, text }) => {
      const number = /(\d{4})-[a-z0-9-]+\.md$/.exec(file)?.[1];
      const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);
      const present = headings.filter((heading) => (SECTIONS as readonly string[]).includes(heading));
      const message =
        number === undefined
          ? 'A decision is called NNNN-what-it-is.md.'
          : !text.startsWith(`# ${number} `)
            ? `A decision begins with its number: # ${number} …`
            : present.join() !== SECTIONS.join()
              ? `A decision has the parts ${SECTIONS.join(', ')}, in this order.`
              : !/^Good:$/m.test(text) || !/^Bad:$/m.test(text)
                ? 'Consequences are listed under Good: and Bad:, and every decision has both.'
                : undefined;
      return message === undefined ? [] : [{ file, line: 1, message }];
    });
}

/** The marks that git leaves in a file where two changes conflict. */
export function unmergedLines(documents: readonly Document[]): Violation[] {
  return documents.flatMap(({ file, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        /^(<{7}|>{7}) /.test(line) ? [{ file, line: index + 1, message: 'A merge has been left unfinished.' }] : [],
      ),
  );
}

/** Every command in a document that the project does not have: scripts of package.json, commands of `polycell`, parts of the check. */
export function unknownCommands(
  documents: readonly Document[],
  known: {
    readonly scripts: readonly string[];
    readonly commands: readonly string[];
    readonly checks: readonly string[];
  },
): Violation[] {
  const kinds = [
    [/\bnpm run ([a-z][\w:-]*)/g, known.scripts],
    [/\bnpx polycell ([a-z][\w-]*)/g, known.commands],
    [/\bnpm run check -- ([a-z]+)/g, known.checks],
  ] as const;
  return documents.flatMap(({ file, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        kinds.flatMap(([pattern, names]) =>
          [...line.matchAll(pattern)]
            .filter(([, name = '']) => !names.includes(name))
            .map(([command]) => ({ file, line: index + 1, message: `There is no \`${command}\`.` })),
        ),
      ),
  );
}
