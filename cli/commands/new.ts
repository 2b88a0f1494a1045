// `polycell new domain NAME`: a folder with a domain that works, its test, and its line in the application.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { put, root } from '../../build/bundles.mjs';
import { DOMAIN_NAME } from '../../core/domain/application.ts';
import { type Command, UsageError, UserError } from '../command.ts';
import { domainFiles, identifierOf, isReservedWord } from '../new-domain.ts';

const APPLICATION = 'core/application.ts';

export const newDomain: Command = {
  summary: 'begin a domain: a folder with event types, a consumer, a read and a test',
  usage: 'domain NAME',
  example: 'npx polycell new domain inventory',
  options: {},
  describe: {},
  positionals: 2,
  async run({ positionals: [what, name], json, out, err }) {
    if (what !== 'domain' || name === undefined)
      throw new UsageError(
        'Say what to begin: npx polycell new domain NAME, such as npx polycell new domain inventory.',
      );
    if (!DOMAIN_NAME.test(name) || name.endsWith('-'))
      throw new UsageError(
        `A domain cannot be called ${JSON.stringify(name)}: a name has 1 to 32 of a-z 0-9 -, and begins with a letter.`,
      );
    if (isReservedWord(identifierOf(name)))
      throw new UsageError(`A domain cannot be called ${name}: the word belongs to the language. Try ${name}s.`);
    const folder = `core/domains/${name}`;
    const says = json ? () => undefined : out;

    await create(folder, domainFiles(name));
    says(`Wrote ${folder}: domain.ts and test/${name}.test.ts.`);
    const added = await addToApplication(name);
    says(
      added
        ? `Added it to ${APPLICATION}; taking out its import and its name removes it again.`
        : `Add it to ${APPLICATION} yourself: import { ${identifierOf(name)} } from './domains/${name}/domain.ts', and its name to the list.`,
    );
    if (added) {
      const { code, text } = await generate();
      if (code !== 0) throw new UserError(`The generated files cannot be written: ${text}`);
      says(text);
    } else err('Then run `npm run generate`, which compiles its schemas.');
    says(`Test it: npm test -- ${folder}`);
    if (json) out(JSON.stringify({ folder, added }));
    return 0;
  },
};

/** Makes the folder in one step, so that it is whole or not there. */
async function create(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const place = path.join(root, folder);
  if (existsSync(place)) throw new UserError(`The folder ${folder} is there already; nothing was changed.`);
  await mkdir(path.dirname(place), { recursive: true });
  const draft = await mkdtemp(path.join(path.dirname(place), '.new-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(draft, file)), { recursive: true });
      await writeFile(path.join(draft, file), text);
    }
    await rename(draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Adds the domain to the list, in one step; `false` if the file has another form than the one that it was given. */
async function addToApplication(name: string): Promise<boolean> {
  const file = path.join(root, APPLICATION);
  const changed = withDomain(await readFile(file, 'utf8'), name);
  if (changed === undefined) return false;
  await put(file, changed);
  return true;
}

const IMPORT = /^import \{ \w+ \} from '\.\/domains\/[a-z0-9-]+\/domain\.ts';$/;
const LIST = /^export const application: Application = \[([\w\s,]*)\];$/m;

/** Code is at most this wide. */
const WIDTH = 120;

/** The text of the application with one more domain at the end of its list, or `undefined` if there is no such list. */
export function withDomain(text: string, name: string): string | undefined {
  const identifier = identifierOf(name);
  const list = LIST.exec(text);
  if (list === null) return undefined;
  const names = [...(list[1] ?? '').split(',').map((each) => each.trim()), identifier].filter((each) => each !== '');
  const line = `export const application: Application = [${names.join(', ')}];`;
  const declaration =
    line.length <= WIDTH ? line : line.replace(/\[.*\]/, `[\n${names.map((each) => `  ${each},\n`).join('')}]`);
  const lines = text.replace(LIST, declaration).split('\n');
  const others = lines.filter((each) => !IMPORT.test(each));
  const imports = [
    ...lines.filter((each) => IMPORT.test(each)),
    `import { ${identifier} } from './domains/${name}/domain.ts';`,
  ].sort((a, b) => (a.replace(/^.* from /, '') < b.replace(/^.* from /, '') ? -1 : 1));
  const last = others.findLastIndex((each) => each.startsWith('import '));
  return [...others.slice(0, last + 1), ...imports, ...others.slice(last + 1)].join('\n');
}

/** `npm run generate`, in a process of its own: it imports the application as it is now. */
function generate(): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['build/run.mjs', 'build/generate.ts'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, POLYCELL_APPLICATION: APPLICATION },
    });
    const chunks: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, text: Buffer.concat(chunks).toString().trim() }));
  });
}
