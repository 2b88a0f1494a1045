// Reads docs/threat-model.md: its threats, and the test that holds each.

export interface Threat {
  readonly id: string;
  /** The test's file, and a part of its name as the file has it. */
  readonly file: string;
  readonly test: string;
  /** Whether `npm run threats` removes its defence. */
  readonly isRemoved: boolean;
}

const ROW = /^\| ([A-Z]\d+) \| ([STRIDE ]+) \| (.+?) \| .+ \| `([^`]+)`: (.+) \|$/;

/** The threats in the order of the document. Throws for a row of a table of threats that has another form. */
export function threatsIn(text: string): readonly Threat[] {
  return text.split('\n').flatMap((line, index) => {
    if (!/^\| [A-Z]\d+ \|/.test(line)) return [];
    const [, id, , threat = '', file, test] = ROW.exec(line) ?? [];
    if (id === undefined || file === undefined || test === undefined)
      throw new Error(`docs/threat-model.md:${index + 1} is no row of id, STRIDE, threat, defence and test.`);
    return [{ id, file, test, isRemoved: threat.endsWith('†') }];
  });
}
