// `docs/environment.md`: the variables that functions read, as their config.ts declares them.

/** A functions folder and the variables that its config.ts declares. */
export interface FunctionsFolder {
  readonly folder: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Variables that the platform sets, with their purpose. */
  readonly platform: Readonly<Record<string, string>>;
}

const table = (variables: Readonly<Record<string, string>>): string[] => [
  '| Variable | What it is |',
  '|---|---|',
  ...Object.entries(variables).map(([name, text]) => `| \`${name}\` | ${text.replaceAll('|', '\\|')} |`),
];

/** The document as text. */
export function environmentDocument(folders: readonly FunctionsFolder[]): string {
  const sections = folders.flatMap(({ folder, variables, platform }) => [
    '',
    `## ${folder}`,
    '',
    ...table(variables),
    '',
    'Read as well, under the names that the platform and its SDK give them:',
    '',
    ...table(platform),
  ]);
  return [
    '<!-- Made from the config.ts of each functions folder by `npm run generate`. -->',
    '# The environment of a function',
    '',
    'A function reads its environment once, when it starts. A variable that it needs and that is',
    'missing or malformed, and one that begins with `APP_` and is not listed here, stop the start; the message lists',
    'everything that is wrong at once. No variable has a default. A container reads those of the functions of its cloud that it stands for,',
    'and its own.',
    ...sections,
    '',
  ].join('\n');
}
