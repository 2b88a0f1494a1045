// What must stand beside what: the same files in every functions folder, and a contract run for every adapter.
import path from 'node:path';
import ts from 'typescript-api';
import { importsOf } from './imports.ts';
import { type Source, type Violation, violationAt, walk } from './sources.ts';

/** Lines an entry point may have: parse, call, serialise. */
export const ENTRY_LINES = 40;

/** The edge routes requests and has no stream or queue, so it shares only the two files that every folder needs. */
const EDGE_FILES = ['compose.ts', 'config.ts'];

/** Every functions folder that lacks a file which another one has, and every entry point that does too much. */
export function unevenFunctions(sources: readonly Source[]): Violation[] {
  const folders = new Map<string, Source[]>();
  for (const source of sources) {
    const folder = /^functions-([a-z]+)\/[^/]+$/.exec(source.file)?.[1];
    if (folder !== undefined) folders.set(folder, [...(folders.get(folder) ?? []), source]);
  }
  const nameOf = ({ file }: Source) => file.slice(file.indexOf('/') + 1);
  const inCells = [...folders].filter(([cloud]) => cloud !== 'edge').flatMap(([, files]) => files.map(nameOf));
  return [...folders].flatMap(([cloud, files]) => {
    const wanted = cloud === 'edge' ? EDGE_FILES : [...new Set([...inCells, ...EDGE_FILES])].sort();
    const missing = wanted
      .filter((name) => !files.some((source) => nameOf(source) === name))
      .map((name) => ({
        file: `functions-${cloud}/${name}`,
        line: 1,
        message: 'The file is in another functions folder and not in this one. A cloud difference is a folder diff.',
      }));
    const long = files
      .filter((source) => !EDGE_FILES.includes(nameOf(source)) && source.text.split('\n').length - 1 > ENTRY_LINES)
      .map((source) => ({
        file: source.file,
        line: ENTRY_LINES + 1,
        message: `An entry point has at most ${ENTRY_LINES} lines: parse, call, serialise. Move the rest to compose.ts or core.`,
      }));
    return [...missing, ...long];
  });
}

/** A port that adapters implement, and the suite that says whether they do; or why there is none. */
interface PortRule {
  /** `implements X`, a constant of type X, or, for what a platform calls, a function that takes an X. */
  readonly port: string;
  readonly as: 'implements' | 'takes';
  readonly suite: { readonly file: string; readonly function: string } | { readonly none: string };
}

const suite = (file: string) => ({
  file: `test/contract/${file}.contract.ts`,
  function: `${file.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Contract`,
});

/** Every port. An adapter of a port that is not here fails, so a new port comes with its suite. */
export const PORTS: readonly PortRule[] = [
  { port: 'Store', as: 'implements', suite: suite('store') },
  { port: 'Bus', as: 'implements', suite: suite('bus') },
  { port: 'DeliveryHandler', as: 'takes', suite: suite('bus') },
  { port: 'DeliverySource', as: 'implements', suite: suite('bus') },
  { port: 'ChangeHandler', as: 'takes', suite: suite('change-stream') },
  { port: 'FeedSource', as: 'implements', suite: suite('feed') },
  { port: 'Directory', as: 'implements', suite: suite('directory') },
  { port: 'DirectoryStorage', as: 'implements', suite: suite('directory-storage') },
  { port: 'RouteCache', as: 'implements', suite: suite('route-cache') },
  { port: 'Objects', as: 'implements', suite: suite('objects') },
  { port: 'Credentials', as: 'implements', suite: suite('credentials') },
  { port: 'Telemetry', as: 'implements', suite: suite('telemetry') },
  { port: 'Clock', as: 'implements', suite: { none: 'it hands on what the platform says' } },
  { port: 'Ids', as: 'implements', suite: { none: 'it hands on what the platform says' } },
  { port: 'Log', as: 'implements', suite: { none: 'lines are for people' } },
];

/** Every adapter that implements a port whose suite no test runs with it. */
export function adaptersWithoutContract(sources: readonly Source[]): Violation[] {
  const byFile = new Map(sources.map((source) => [source.file, source]));
  const tests = sources.filter(({ file }) => /^test\/.*\.test\.ts$/.test(file));
  const runs = tests.map((test) => ({ calls: callsIn(test, byFile), reaches: reachableFrom(test, byFile) }));
  return sources
    .filter(({ file }) => file.startsWith('adapters/'))
    .flatMap((source) =>
      implementedPorts(source).flatMap(({ node, port, as }) => {
        const rule = PORTS.find((each) => each.port === port && each.as === as);
        if (rule === undefined) {
          const message = `${port} is a port without a row in PORTS (test/arch/support/folders.ts). Write its contract suite and name it there.`;
          return [violationAt(source, node, message)];
        }
        if ('none' in rule.suite) return [];
        const name = rule.suite.function;
        if (runs.some(({ calls, reaches }) => calls.has(name) && reaches.has(source.file))) return [];
        const message = `No test runs ${name} (${rule.suite.file}) with this adapter of ${port}. docs/add-an-adapter.md says how.`;
        return [violationAt(source, node, message)];
      }),
    );
}

function implementedPorts(source: Source): { node: ts.Node; port: string; as: 'implements' | 'takes' }[] {
  const imported = new Set(
    importsOf(source).flatMap(({ node, specifier }) => {
      if (!ts.isImportDeclaration(node) || !/\/core\/(?:edge\/)?ports\//.test(specifier ?? '')) return [];
      const named = node.importClause?.namedBindings;
      return named && ts.isNamedImports(named) ? named.elements.map((element) => element.name.text) : [];
    }),
  );
  const found: { node: ts.Node; port: string; as: 'implements' | 'takes' }[] = [];
  const add = (node: ts.Node, type: ts.Node | undefined, as: 'implements' | 'takes') => {
    const port = type?.getText(source.tree) ?? '';
    if (imported.has(port)) found.push({ node, port, as });
  };
  for (const statement of source.tree.statements) {
    if (ts.isClassDeclaration(statement)) {
      const clauses = statement.heritageClauses?.filter(({ token }) => token === ts.SyntaxKind.ImplementsKeyword) ?? [];
      for (const { types } of clauses) for (const type of types) add(statement, type.expression, 'implements');
    } else if (ts.isVariableStatement(statement)) {
      for (const { type } of statement.declarationList.declarations)
        if (type && ts.isTypeReferenceNode(type) && isPort(type.getText(source.tree)))
          add(statement, type, 'implements');
    } else if (ts.isFunctionDeclaration(statement) && isExported(statement)) {
      for (const { type } of statement.parameters)
        if (type && /Handler$/.test(type.getText(source.tree))) add(statement, type, 'takes');
      if (isPort(statement.type?.getText(source.tree) ?? '')) add(statement, statement.type, 'implements');
    }
  }
  return found;
}

/** Constants and results have all sorts of types from core/ports; those of a port are an adapter of it. */
const isPort = (name: string): boolean => PORTS.some(({ port, as }) => port === name && as === 'implements');

const isExported = (node: ts.FunctionDeclaration): boolean =>
  (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

/** The project's files that a file imports, and those that they import, within test/ and adapters/. */
function reachableFrom(start: Source, byFile: ReadonlyMap<string, Source>): Set<string> {
  const reached = new Set<string>();
  const queue = [start];
  for (let source = queue.pop(); source !== undefined; source = queue.pop()) {
    for (const { specifier } of importsOf(source)) {
      if (specifier === undefined || !specifier.startsWith('.')) continue;
      const target = byFile.get(path.posix.join(path.posix.dirname(source.file), specifier));
      if (target === undefined || reached.has(target.file)) continue;
      reached.add(target.file);
      if (target.file.startsWith('test/')) queue.push(target);
    }
  }
  return reached;
}

/** Names of the functions that a test, or a helper of it under test/, calls. */
function callsIn(start: Source, byFile: ReadonlyMap<string, Source>): Set<string> {
  const calls = new Set<string>();
  const helpers = [...reachableFrom(start, byFile)].filter(
    (file) => file.startsWith('test/') && !file.endsWith('.contract.ts'),
  );
  for (const source of [start, ...helpers.flatMap((file) => byFile.get(file) ?? [])]) {
    walk(source.tree, (node) => {
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) calls.add(node.expression.text);
    });
  }
  return calls;
}
